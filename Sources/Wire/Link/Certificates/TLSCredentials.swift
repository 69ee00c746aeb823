import COpenSSL
import Glibc

/// A certificate chain with its private key: what a party proves its name by. Checked when it is made.
public struct TLSCredentials: Sendable {
  /// PEM, the party's own certificate first.
  public let certificate: [UInt8]
  /// PEM, PKCS #8 or older.
  public let key: [UInt8]
  public let info: CertificateInfo

  /// Takes PEM texts; refuses a key that is not the certificate's and a certificate not valid at `now` (seconds since
  /// the Unix epoch).
  public init(certificate: [UInt8], key: [UInt8], now: Int64 = Int64(time(nil))) throws(TLSError) {
    let read = try Certificate(pem: certificate)
    let readKey = try PrivateKey(pem: key)
    info = CertificateInfo(read)
    guard assay_certificate_matches(read.handle, readKey.handle) == 1 else {
      throw TLSError.certificate(
        "the key is not that of the certificate of \(info.subject): give the two that were issued together")
    }
    if let problem = info.problem(at: now) { throw TLSError.certificate(problem) }
    self.certificate = certificate
    self.key = key
  }

  /// Whether the chain leads to one of these authorities (PEM).
  func isIssued(by authorities: [UInt8]) -> Bool {
    certificate.withUnsafeBytes { chain in
      authorities.withUnsafeBytes { assay_chain_leads_to(chain.baseAddress, chain.count, $0.baseAddress, $0.count) == 1 }
    }
  }

  /// Reads the two files; every error names the file.
  public init(certificatePath: String, keyPath: String, now: Int64 = Int64(time(nil))) throws(TLSError) {
    let certificate = try CertificateFile.read(certificatePath)
    let key = try CertificateFile.readSecret(keyPath)
    do {
      _ = try Certificate(pem: certificate)
    } catch {
      throw TLSError.file(path: certificatePath, error.description)
    }
    do {
      _ = try PrivateKey(pem: key)
    } catch {
      throw TLSError.file(path: keyPath, error.description)
    }
    do {
      try self.init(certificate: certificate, key: key, now: now)
    } catch {
      throw TLSError.file(path: certificatePath, error.description)
    }
  }
}
