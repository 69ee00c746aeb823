@testable import Wire

/// An authority and what it issues, made once a run.
struct TLSFixture {
  static let shared: TLSFixture = {
    do { return try TLSFixture(realm: "test") } catch { fatalError("\(error)") }
  }()

  let realm: String
  let authority: CertificateAuthority

  init(realm: String) throws {
    self.realm = realm
    authority = try CertificateAuthority.create(realm: realm)
  }

  func issue(
    _ identity: LinkIdentity, hosts: [String] = ["localhost", "127.0.0.1"], validDays: Int = 730, now: Int64? = nil
  ) throws -> TLSCredentials {
    let name = SubjectName(realm: realm, role: identity.role, name: identity.name)!
    return if let now {
      try authority.issue(name, hosts: hosts, validDays: validDays, now: now)
    } else {
      try authority.issue(name, hosts: hosts, validDays: validDays)
    }
  }

  /// Of `LinkServer.node`, for clients of this authority.
  func server(_ identity: LinkIdentity = LinkServer.node) throws -> TLSServerContext {
    try TLSServerContext(issue(identity), clients: .certified(by: authority.certificate))
  }

  func client(_ identity: LinkIdentity = LinkServer.client) throws -> TLSClientContext {
    try TLSClientContext(issue(identity), authorities: authority.certificate)
  }
}
