import COpenSSL
import Glibc

/// What a certificate says: for checks, and for errors that name what is wrong.
public struct CertificateInfo: Hashable, Sendable {
  /// In one line (RFC 2253): `CN=worker-1,O=Assay`.
  public var subject: String
  /// Subject alternative names, by kind, in the certificate's order.
  public var uris: [String] = []
  public var hosts: [String] = []
  public var addresses: [String] = []
  /// Validity in seconds since the Unix epoch.
  public var notBefore: Int64
  public var notAfter: Int64
  public var isAuthority: Bool

  /// Reads the first certificate of a PEM text.
  public init(pem: [UInt8]) throws(TLSError) {
    self.init(try Certificate(pem: pem))
  }

  init(_ certificate: borrowing Certificate) {
    let handle = certificate.handle
    subject = openSSLText { assay_certificate_subject(handle, $0, $1) }
    notBefore = assay_certificate_not_before(handle)
    notAfter = assay_certificate_not_after(handle)
    isAuthority = assay_certificate_is_authority(handle) == 1
    // A certificate of ours has a handful of names; a foreign one may have more than is worth reading.
    for index in 0..<CInt(64) {
      var kind: CInt = 0
      let text = openSSLText { kind = assay_certificate_name(handle, index, $0, $1) }
      switch Int(kind) {
      case assay_name_uri: uris.append(text)
      case assay_name_dns: hosts.append(text)
      case assay_name_ip: addresses.append(text)
      case 0: return
      default: break
      }
    }
  }

  /// The party it names: its first URI of Assay's form.
  public var name: SubjectName? { uris.lazy.compactMap { SubjectName(uri: $0) }.first }

  /// Why it can't be used at `now` (seconds since the Unix epoch), nil if it can.
  public func problem(at now: Int64) -> String? {
    if now > notAfter {
      return "the certificate of \(subject) expired on \(Self.date(notAfter)): issue a new one (assay certs issue)"
    }
    if now < notBefore {
      return "the certificate of \(subject) is not valid before \(Self.date(notBefore)): check the clock of this host"
    }
    return nil
  }

  /// `2026-11-21 07:30 UTC`.
  static func date(_ seconds: Int64) -> String {
    var time = time_t(seconds)
    var parts = tm()
    gmtime_r(&time, &parts)
    return openSSLText { _ = strftime($0, $1, "%Y-%m-%d %H:%M UTC", &parts) }
  }
}

/// A certificate of the library, freed with its owner.
struct Certificate: ~Copyable {
  let handle: OpaquePointer

  init(owning handle: OpaquePointer) { self.handle = handle }

  init(pem: [UInt8]) throws(TLSError) {
    guard let handle = pem.withUnsafeBytes({ assay_certificate_read($0.baseAddress, $0.count) }) else {
      throw TLSError.certificate("there is no PEM certificate in it (\(openSSLReason())): give the path of a .pem file")
    }
    self.handle = handle
  }

  deinit { assay_certificate_free(handle) }

  var pem: [UInt8] { openSSLBytes { assay_certificate_write(handle, $0, $1) } }
}

/// A private key of the library, freed with its owner.
struct PrivateKey: ~Copyable {
  let handle: OpaquePointer

  /// A new one on P-256.
  init() throws(TLSError) {
    guard let handle = assay_key_new() else { throw TLSError.certificate("no key can be made: \(openSSLReason())") }
    self.handle = handle
  }

  init(pem: [UInt8]) throws(TLSError) {
    guard let handle = pem.withUnsafeBytes({ assay_key_read($0.baseAddress, $0.count) }) else {
      throw TLSError.certificate(
        "there is no readable PEM private key in it (\(openSSLReason())): keys with a password are not taken")
    }
    self.handle = handle
  }

  deinit { assay_key_free(handle) }

  var pem: [UInt8] { openSSLBytes { assay_key_write(handle, $0, $1) } }
}

/// The C string that `fill` puts into 512 bytes.
func openSSLText(_ fill: (UnsafeMutablePointer<CChar>, Int) -> Void) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
    text.initialize(repeating: 0)
    fill(text.baseAddress!, text.count)
    return String(cString: text.baseAddress!)
  }
}

/// The bytes that `fill` puts into 16 KiB, more than any key or certificate of ours has.
private func openSSLBytes(_ fill: (UnsafeMutableRawPointer, Int) -> Int) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: 16 * 1024) { bytes, count in count = fill(bytes.baseAddress!, bytes.count) }
}

func openSSLReason() -> String {
  let reason = openSSLText { _ = assay_openssl_error($0, $1) }
  return reason.isEmpty ? "no reason given" : reason
}
