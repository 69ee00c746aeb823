import Wire

/// Who may ask the coordinator for what. The one table; every request is checked against it.
enum Permissions {
  static func roles(for kind: FrameKind) -> Set<LinkIdentity.Role> {
    switch kind {
    case .join, .heartbeat, .healthReport, .isrProposal, .successionReport, .handOverReport, .transferRequest, .checkpointReport,
      .recordsReport, .listItemsRequest:
      [.node]
    case .healthRequest: [.admin]
    case .publishBundle, .startOperation, .operationsRequest, .abortOperation, .auditRequest, .editList, .listsRequest: [.admin]
    case .bundleRequest: [.node, .admin, .coordinator]
    case .backupRequest: [.admin, .coordinator]
    case .mapRequest, .watchMap, .statusRequest: [.node, .client, .admin, .coordinator]
    default: []
    }
  }

  /// Why `peer` may not send `kind`, or nil.
  static func refusal(of kind: FrameKind, from peer: PeerIdentity) -> Failure? {
    let allowed = roles(for: kind)
    if allowed.contains(peer.role) { return nil }
    guard !allowed.isEmpty else {
      return Failure(.malformed, "a coordinator takes no '\(kind)': this is not a worker's port")
    }
    let names = allowed.map(\.description).sorted().joined(separator: " or ")
    return Failure(.notAuthorized, "\(peer.identity) may not send '\(kind)': connect with a certificate of role \(names)")
  }
}
