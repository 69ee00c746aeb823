import ArgumentParser
import Foundation
import Glibc

/// Files of a directory, read as from a disk at rest: nothing of them in the page cache.
struct ColdFiles {
  let paths: [String]
  let bytes: Int

  /// All files below `directory` whose path has one of `parts`.
  init(below directory: String, _ parts: [String]) throws {
    var paths: [String] = []
    var bytes = 0
    for case let name as String in FileManager.default.enumerator(atPath: directory) ?? FileManager.DirectoryEnumerator() {
      let path = "\(directory)/\(name)"
      var status = stat()
      guard parts.contains(where: { path.contains($0) }), stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
      paths.append(path)
      bytes += Int(status.st_size)
    }
    self.paths = paths.sorted()
    self.bytes = bytes
  }

  /// Writes them down and drops their pages.
  func evict() throws {
    for path in paths {
      let file = open(path, O_RDONLY)
      guard file >= 0 else { throw ValidationError("can't open \(path): \(String(cString: strerror(errno)))") }
      defer { close(file) }
      fsync(file)
      posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
    }
  }

  /// Seconds to read them one after the other, a MiB at a time.
  func read() throws -> Double {
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    let start = DispatchTime.now().uptimeNanoseconds
    for path in paths {
      let file = open(path, O_RDONLY)
      guard file >= 0 else { throw ValidationError("can't open \(path): \(String(cString: strerror(errno)))") }
      defer { close(file) }
      while Glibc.read(file, &buffer, buffer.count) > 0 {}
    }
    return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
  }
}
