import Glibc

/// PEM files on disk.
public enum CertificateFile {
  private static let sizeMax = 1 << 20

  /// A file of at most 1 MiB.
  public static func read(_ path: String) throws(TLSError) -> [UInt8] { try read(path, isSecret: false) }

  /// The same, refused where every user of the host can read it.
  public static func readSecret(_ path: String) throws(TLSError) -> [UInt8] { try read(path, isSecret: true) }

  /// Writes a new file of mode 0644, or 0600 for a secret, through to the disk. Never overwrites: a key that was lost
  /// by mistake can't be made again.
  public static func write(_ bytes: [UInt8], to path: String, isSecret: Bool) throws(TLSError) {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, isSecret ? 0o600 : 0o644)
    guard file >= 0 else { throw TLSError.file(path: path, text(errno)) }
    defer { close(file) }
    var at = 0
    while at < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + at, $0.count - at) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw TLSError.file(path: path, text(errno)) }
      at += count
    }
    guard fsync(file) == 0 else { throw TLSError.file(path: path, text(errno)) }
  }

  private static func read(_ path: String, isSecret: Bool) throws(TLSError) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw TLSError.file(path: path, text(errno)) }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw TLSError.file(path: path, text(errno)) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw TLSError.file(path: path, "this is no file: give a PEM file")
    }
    guard status.st_size <= sizeMax else { throw TLSError.file(path: path, "larger than 1 MiB: give a PEM file") }
    if isSecret, status.st_mode & S_IROTH != 0 {
      throw TLSError.file(path: path, "every user of this host can read the key: chmod 600 it, and issue a new one")
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var at = 0
    while at < bytes.count {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + at, $0.count - at) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw TLSError.file(path: path, text(errno)) }
      if count == 0 { break }
      at += count
    }
    bytes.removeLast(bytes.count - at)
    return bytes
  }

  private static func text(_ code: CInt) -> String {
    switch code {
    case ENOENT: "there is no such file: check the path, or make certificates (assay certs)"
    case EACCES, EPERM: "this user may not use it: check owner and mode of the file and its directories"
    case EEXIST: "it exists already and is not overwritten: move it away first"
    default: String(cString: strerror(code))
    }
  }
}
