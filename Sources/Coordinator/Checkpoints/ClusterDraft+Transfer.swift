import Wire

/// Transfers (R13): a learner is fed in a session that is issued here, by compare-and-set, so that a coordinator that has been
/// deposed issues none.
extension ClusterDraft {
  /// Nobody is told why none is issued: whoever needs one asks again.
  mutating func issueTransfer(_ request: TransferRequest) {
    guard let record = state.partition(request.partition), record.epoch == request.epoch, let primary = record.primary,
      primary.node == request.source.node, primary.incarnation == request.source.incarnation,
      record.replicas.contains(request.target.node), record.electable(request.target.node) == nil,
      state.node(request.target.node)?.member == request.target, liveness.fit.contains(request.target.node)
    else { return }
    let session = TransferSession(
      id: takeTransferID(), partition: request.partition, epoch: request.epoch, source: request.source, target: request.target)
    note(.transferIssued(session))
    effects.append(.transferIssued(session))
  }
}
