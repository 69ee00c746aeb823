import Wire

/// Who may ask a worker for what, of the requests that not every peer may send. The one table of this port.
enum WorkerPermissions {
  static func roles(for kind: FrameKind) -> Set<LinkIdentity.Role> {
    switch kind {
    case .submit, .quarantine: [.client, .node, .admin]
    case .append, .appended, .transferRead, .contributions, .contributionReplies: [.node]
    case .entityRequest: [.admin]
    default: []
    }
  }
}
