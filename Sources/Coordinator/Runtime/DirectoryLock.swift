import Glibc
import Synchronization

/// Keeps a second coordinator off a data directory. The kernel lets go of it when the process ends, however it ends.
final class DirectoryLock: Sendable {
  /// nil once it is released.
  private let descriptor: Mutex<Int32?>

  /// Makes the directory where it is missing, readable by its owner only.
  init(_ directory: String) throws(MetadataStoreError) {
    try Self.make(directory)
    let path = "\(directory)/lock"
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw MetadataStoreError(.io, "can't open \(path): \(String(cString: strerror(errno)))")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      Glibc.close(descriptor)
      throw MetadataStoreError(.locked, "another coordinator runs on \(directory): stop it, or give this one a directory of its own")
    }
    self.descriptor = Mutex(descriptor)
  }

  deinit { release() }

  /// Idempotent.
  func release() {
    let held = descriptor.withLock { held in
      defer { held = nil }
      return held
    }
    if let held { Glibc.close(held) }
  }

  private static func make(_ directory: String) throws(MetadataStoreError) {
    var made = ""
    for part in directory.split(separator: "/", omittingEmptySubsequences: false) {
      made += made.isEmpty && part.isEmpty ? "/" : made.isEmpty || made.hasSuffix("/") ? part : "/" + part
      guard mkdir(made, 0o700) == 0 || errno == EEXIST || errno == EISDIR || errno == EROFS else {
        throw MetadataStoreError(.io, "can't make the directory \(made): \(String(cString: strerror(errno)))")
      }
    }
    var facts = stat()
    guard stat(directory, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
      throw MetadataStoreError(.io, "\(directory) is no directory: give the coordinator one of its own")
    }
  }
}
