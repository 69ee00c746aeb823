import Foundation
import Glibc

/// A file system in a file, for one worker's data: it can be filled without harm to anybody else.
struct SmallDisk: Sendable {
  static let folder = "small-disk"
  private static let bytes = 4 << 30

  let directory: String
  let worker: String

  private var path: String { "\(directory)/\(Self.folder)" }
  private var ballast: String { "\(path)/ballast" }

  func mount() throws {
    let image = "\(directory)/small-disk.image"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try Command.run(["truncate", "-s", "\(Self.bytes)", image])
    try Command.run(["mkfs.ext4", "-q", "-m", "0", image])
    try Command.run(["mount", "-o", "loop", image, path])
  }

  /// Takes all the space that is left, and a second time what was given back meanwhile.
  func fill() throws {
    for part in 0..<2 {
      var space = statvfs()
      guard statvfs(path, &space) == 0 else { throw ChaosError("\(path): \(String(cString: strerror(errno)))") }
      let free = Int(space.f_bavail) * Int(space.f_frsize)
      Command.attempt(["fallocate", "-l", "\(max(free - (64 << 10), 4096))", "\(ballast)-\(part)"])
    }
  }

  func free() { for part in 0..<2 { unlink("\(ballast)-\(part)") } }
}
