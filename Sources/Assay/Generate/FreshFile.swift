import Glibc

/// A file that appears whole or not at all: written under another name beside its own, and renamed at the end. Given up,
/// it leaves nothing behind. A path that names a pipe or a device is written to as it is.
final class FreshFile {
  let path: String
  private let partial: String?
  private var descriptor: CInt

  /// Refuses a file that exists, unless `replacing`.
  init(_ path: String, replacing: Bool) throws {
    self.path = path
    var status = stat()
    let exists = stat(path, &status) == 0
    let isPlain = !exists || status.st_mode & S_IFMT == S_IFREG
    if exists, status.st_mode & S_IFMT == S_IFDIR { throw OneLine("\(path) is a directory: give a file's name") }
    guard !exists || !isPlain || replacing else { throw OneLine("\(path) exists already: give --force to replace it") }
    partial = isPlain ? "\(path).part-\(getpid())" : nil
    descriptor = open(partial ?? path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw OneLine("can't write \(path): \(String(cString: strerror(errno)))") }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    if let partial { unlink(partial) }
  }

  /// Appends all bytes. For pieces of some size: each call is a system call.
  func write(_ bytes: [UInt8]) throws {
    var at = 0
    while at < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + at, $0.count - at) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw OneLine("can't write \(path): \(String(cString: strerror(errno)))") }
      at += count
    }
  }

  /// Gives the file its name.
  func commit() throws {
    guard descriptor >= 0 else { return }
    guard let partial else {
      close(descriptor)
      descriptor = -1
      return
    }
    guard fsync(descriptor) == 0, rename(partial, path) == 0 else {
      throw OneLine("can't write \(path): \(String(cString: strerror(errno)))")
    }
    close(descriptor)
    descriptor = -1
  }

  static func write(_ bytes: [UInt8], to path: String, replacing: Bool) throws {
    let file = try FreshFile(path, replacing: replacing)
    try file.write(bytes)
    try file.commit()
  }
}
