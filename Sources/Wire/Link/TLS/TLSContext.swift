import COpenSSL
import Glibc

/// How a listening port does TLS. TLS 1.3 only. One for all connections of a port.
public final class TLSServerContext: Sendable {
  public enum Clients: Sendable {
    /// Clients must present a certificate of one of these authorities (PEM). The cluster's ports.
    case certified(by: [UInt8])
    /// Clients are not asked for a certificate: an HTTP port whose callers prove themselves otherwise.
    case anyone
  }

  /// The server's name by its certificate.
  public let name: SubjectName?
  let handle: TLSContextHandle

  public init(_ credentials: TLSCredentials, clients: Clients) throws(TLSError) {
    let authorities: [UInt8]? = if case .certified(let pem) = clients { pem } else { nil }
    handle = try TLSContextHandle(isServer: true, credentials, authorities: authorities)
    name = credentials.info.name
  }
}

/// How links are opened by TLS. One for all connections of a party.
public final class TLSClientContext: Sendable {
  /// The client's name by its certificate.
  public let name: SubjectName?
  let handle: TLSContextHandle

  /// `credentials` nil: without a certificate, which cluster ports refuse. `authorities`: PEM, one of which must have
  /// signed the server's certificate.
  public init(_ credentials: TLSCredentials?, authorities: [UInt8]) throws(TLSError) {
    handle = try TLSContextHandle(isServer: false, credentials, authorities: authorities)
    name = credentials?.info.name
  }
}

/// Where a party's certificate, key and cluster authority lie: what the configuration file says.
public struct TLSFiles: Hashable, Sendable {
  public var certificate: String
  public var key: String
  public var authority: String

  public init(certificate: String, key: String, authority: String) {
    self.certificate = certificate
    self.key = key
    self.authority = authority
  }

  /// The context of a cluster port: clients need a certificate of the same authority.
  public func serverContext() throws(TLSError) -> TLSServerContext {
    let (credentials, authorities) = try load()
    return try TLSServerContext(credentials, clients: .certified(by: authorities))
  }

  public func clientContext() throws(TLSError) -> TLSClientContext {
    let (credentials, authorities) = try load()
    return try TLSClientContext(credentials, authorities: authorities)
  }

  /// Reads and checks all three.
  public func load() throws(TLSError) -> (credentials: TLSCredentials, authorities: [UInt8]) {
    let authorities = try CertificateFile.read(authority)
    let credentials = try TLSCredentials(certificatePath: certificate, keyPath: key)
    do throws(TLSError) {
      let root = try Certificate(pem: authorities)
      let info = CertificateInfo(root)
      guard info.isAuthority else {
        throw TLSError.certificate("this is no authority: give the cluster's CA certificate")
      }
      if let problem = info.problem(at: Int64(time(nil))) { throw TLSError.certificate(problem) }
    } catch {
      throw TLSError.file(path: authority, error.description)
    }
    guard credentials.isIssued(by: authorities) else {
      throw TLSError.file(
        path: certificate,
        "this certificate of \(credentials.info.subject) was not issued by the authority in \(authority): give the two that belong together"
      )
    }
    return (credentials, authorities)
  }

  /// The same files, relative paths taken from `directory` on.
  public func resolved(in directory: String) -> TLSFiles {
    func resolved(_ path: String) -> String { path.hasPrefix("/") ? path : "\(directory)/\(path)" }
    return TLSFiles(certificate: resolved(certificate), key: resolved(key), authority: resolved(authority))
  }
}

/// The library's context, freed with its last owner. It is not changed after it is made, and the library counts the
/// references of its sessions by itself, so that loops may share it.
final class TLSContextHandle: @unchecked Sendable {
  let raw: OpaquePointer

  init(isServer: Bool, _ credentials: TLSCredentials?, authorities: [UInt8]?) throws(TLSError) {
    var problem: CInt = 0
    let made = Self.withBytes(credentials?.certificate) { chain in
      Self.withBytes(credentials?.key) { key in
        Self.withBytes(authorities) { authorities in
          assay_tls_context_new(
            isServer ? 1 : 0, chain.baseAddress, chain.count, key.baseAddress, key.count, authorities.baseAddress,
            authorities.count, &problem)
        }
      }
    }
    guard let made else {
      let what =
        switch Int(problem) {
        case assay_tls_context_chain: "the certificate chain can't be used"
        case assay_tls_context_key: "the private key can't be used"
        case assay_tls_context_authority: "the authority's certificate can't be used"
        default: "the TLS library can't be used"
        }
      throw TLSError.certificate("\(what): \(openSSLReason())")
    }
    raw = made
  }

  deinit { assay_tls_context_free(raw) }

  /// A null pointer for nil, and never one for an empty text.
  private static func withBytes<R>(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    guard let bytes else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
    return (bytes + [0]).withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0.dropLast())) }
  }
}
