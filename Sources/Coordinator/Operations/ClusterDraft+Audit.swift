import Wire

/// The audit log: what operators ask for and what comes of it, in the transactions that do it.
extension ClusterDraft {
  /// Records kept; the oldest go first.
  static let auditMax = 1_024

  mutating func audit(_ who: String, _ what: String, _ outcome: String, wall: Int64) {
    appendAudit(
      AuditRecord(after: state.audit.last, time: wall, who: Self.cut(who), what: Self.cut(what), outcome: Self.cut(outcome)))
  }

  /// An operation's begin or end; those that the coordinator begins by itself belong to the ones that asked for them.
  mutating func audit(_ record: OperationRecord, _ outcome: String, wall: Int64) {
    guard !Self.isChild(record) else { return }
    audit(record.requester, "operation \(record.id.rawValue): \(describe(record.request))", outcome, wall: wall)
  }

  static func isChild(_ record: OperationRecord) -> Bool { record.requester.hasPrefix("operation ") }

  func describe(_ request: OperationRequest) -> String {
    switch request {
    case .drain(let node), .undrain(let node), .remove(let node): "\(request.name) \(state.name(node))"
    case .move(let id, let from, let to): "move \(id) from \(state.name(from)) to \(state.name(to))"
    case .handOver(let id, let to): "hand \(id) over to \(state.name(to))"
    case .forceElection(let id, let node, let reason): "force-elect \(state.name(node)) for \(id), because: \(reason)"
    case .split(let id, let at): "split \(id) at \(at)"
    case .merge(let a, let b): "merge \(a) and \(b)"
    case .rebalance: "rebalance"
    case .giveUp(let node, let reason): "give up \(state.name(node)), because: \(reason)"
    }
  }
}
