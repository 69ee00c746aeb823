/// The name in a certificate: the SAN URI `assay://<realm>/<role>/<name>`. A realm is a cluster, or whatever else the
/// operator separates by it (`production`, `test`), under one certificate authority or several.
public struct SubjectName: Hashable, Sendable, CustomStringConvertible {
  public var realm: String
  public var role: LinkIdentity.Role
  public var name: String

  /// nil unless `realm` and `name` are names by `LinkIdentity.isName`.
  public init?(realm: String, role: LinkIdentity.Role, name: String) {
    guard LinkIdentity.isName(realm), LinkIdentity.isName(name) else { return nil }
    self.realm = realm
    self.role = role
    self.name = name
  }

  /// Reads the URI; nil for any other one.
  public init?(uri: some StringProtocol) {
    guard uri.hasPrefix("assay://") else { return nil }
    let parts = uri.dropFirst(8).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 3, let role = LinkIdentity.Role(word: parts[1]) else { return nil }
    self.init(realm: String(parts[0]), role: role, name: String(parts[2]))
  }

  public var uri: String { "assay://\(realm)/\(role)/\(name)" }
  public var description: String { uri }

  func certifies(_ identity: LinkIdentity) -> Bool { role == identity.role && name == identity.name }
}
