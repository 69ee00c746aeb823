/// Who is at the other end of a ready link.
public struct PeerIdentity: Sendable {
  /// What the peer said in its hello; under TLS, its certificate bears out role and name.
  public var identity: LinkIdentity
  /// The certificate's name, nil on a plain link.
  public var certified: SubjectName?
  /// `host:port` of the connection's far end.
  public var address: String
  /// The protocol version of this link.
  public var version: UInt8

  public var role: LinkIdentity.Role { identity.role }
  public var name: String { identity.name }
  public var cluster: ClusterID { identity.cluster }
  public var node: NodeID? { identity.node }
  public var incarnation: Incarnation { identity.incarnation }
  public var storage: StorageID { identity.storage }
}
