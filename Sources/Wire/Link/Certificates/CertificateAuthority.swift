import COpenSSL
import Glibc

/// The cluster's own certificate authority: EC P-256, one level, certificates for nodes, coordinators and clients.
public struct CertificateAuthority: Sendable {
  private static let day: Int64 = 86_400
  /// Clocks of a cluster's hosts may differ: certificates begin this much earlier.
  private static let skew: Int64 = 3600

  /// PEM, and what it says.
  public let certificate: [UInt8]
  public let key: [UInt8]
  public let info: CertificateInfo

  /// A new authority of 10 years for a realm (see `SubjectName`). `now` in seconds since the Unix epoch.
  public static func create(realm: String, now: Int64 = Int64(time(nil))) throws(TLSError) -> CertificateAuthority {
    guard LinkIdentity.isName(realm) else {
      throw TLSError.certificate("'\(realm)' is no realm: 1 to 63 letters, digits, '-', '_' or (not first) '.'")
    }
    let key = try PrivateKey()
    let issued = assay_certificate_issue(
      "\(realm) authority", key.handle, nil, now - skew, now + 3650 * day, nil, nil)
    guard let issued else { throw TLSError.certificate("no authority can be made: \(openSSLReason())") }
    return try CertificateAuthority(certificate: Certificate(owning: issued).pem, key: key.pem, now: now)
  }

  /// An authority from its PEM texts; refuses one that is none, that is over, or whose key is another's.
  public init(certificate: [UInt8], key: [UInt8], now: Int64 = Int64(time(nil))) throws(TLSError) {
    let checked = try TLSCredentials(certificate: certificate, key: key, now: now)
    guard checked.info.isAuthority else {
      throw TLSError.certificate("\(checked.info.subject) is no authority: give the cluster's CA certificate")
    }
    self.certificate = certificate
    self.key = key
    info = checked.info
  }

  /// A certificate for both ends of TLS, with its new key. `hosts`: the DNS names and IP addresses that HTTP clients
  /// reach the party by; links go by the name alone. Valid for 2 years, but no longer than the authority.
  public func issue(
    _ name: SubjectName, hosts: [String] = [], validDays: Int = 730, now: Int64 = Int64(time(nil))
  ) throws(TLSError) -> TLSCredentials {
    var names = "URI:\(name.uri)"
    for host in hosts {
      guard let entry = Self.entry(host) else {
        throw TLSError.certificate("'\(host)' is neither a DNS name nor an IP address")
      }
      names += "," + entry
    }
    let authority = try Certificate(pem: certificate)
    let authorityKey = try PrivateKey(pem: key)
    let leafKey = try PrivateKey()
    let issued = assay_certificate_issue(
      name.name, leafKey.handle, names, max(now - Self.skew, info.notBefore),
      min(now + Int64(validDays) * Self.day, info.notAfter), authority.handle, authorityKey.handle)
    guard let issued else { throw TLSError.certificate("no certificate can be made: \(openSSLReason())") }
    return try TLSCredentials(certificate: Certificate(owning: issued).pem, key: leafKey.pem, now: now)
  }

  /// Whether this authority signed the certificate.
  public func issued(_ credentials: TLSCredentials) -> Bool {
    guard let leaf = try? Certificate(pem: credentials.certificate), let own = try? Certificate(pem: certificate) else {
      return false
    }
    return assay_certificate_is_signed_by(leaf.handle, own.handle) == 1
  }

  /// `DNS:...` or `IP:...`, nil for anything that could be read as more than one name.
  private static func entry(_ host: String) -> String? {
    var address = in6_addr()
    if inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1 { return "IP:\(host)" }
    let isName =
      (1...253).contains(host.utf8.count)
      && host.utf8.allSatisfy { byte in
        (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
          || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
          || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "*")
      }
    return isName ? "DNS:\(host)" : nil
  }
}
