import Foundation
import Glibc
import Wire

/// A certificate and its key in a directory: `NAME.pem`, and `NAME.key` of mode 0600.
struct CertificateFiles {
  static let authorityName = "ca"

  let directory: String
  let name: String

  var certificatePath: String { "\(directory)/\(name).pem" }
  var keyPath: String { "\(directory)/\(name).key" }

  func authority() throws -> CertificateAuthority {
    let certificate = try CertificateFile.read(certificatePath)
    let key = try CertificateFile.readSecret(keyPath)
    do throws(TLSError) {
      return try CertificateAuthority(certificate: certificate, key: key)
    } catch {
      throw OneLine("\(certificatePath): \(error)")
    }
  }

  /// Makes the directory if need be. A file that exists is replaced only if `replacing`, and then never half: a key that is
  /// lost can't be made again.
  func write(certificate: [UInt8], key: [UInt8], replacing: Bool) throws {
    let files = FileManager.default
    if !files.fileExists(atPath: directory) {
      do {
        try files.createDirectory(atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      } catch {
        throw OneLine("can't make \(directory): \(error.localizedDescription)")
      }
    }
    if !replacing {
      for path in [keyPath, certificatePath] where files.fileExists(atPath: path) {
        throw OneLine("\(path) exists already, and is not overwritten: move it away first, or give --force")
      }
    }
    try put(key, at: keyPath, isSecret: true)
    try put(certificate, at: certificatePath, isSecret: false)
  }

  private func put(_ bytes: [UInt8], at path: String, isSecret: Bool) throws {
    let partial = "\(path).part-\(getpid())"
    try CertificateFile.write(bytes, to: partial, isSecret: isSecret)
    guard rename(partial, path) == 0 else {
      let reason = String(cString: strerror(errno))
      unlink(partial)
      throw OneLine("can't write \(path): \(reason)")
    }
  }
}
