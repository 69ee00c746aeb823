import Wire

extension Request {
  /// Writes the `Decisions` payload that answers this request; with list versions for who reads them.
  public func writeAnswer(withListVersions: Bool = true, to out: inout WireWriter) {
    out.write(UInt16(outcomes.count))
    out.write(UInt8(bundles.count))
    for bundle in bundles {
      out.write(raw: (withFeatures ? bundle.answerTableWithFeatures : bundle.answerTable).span.bytes)
    }
    for (index, row) in outcomes.enumerated() {
      switch row.status {
      case .decided, .duplicate:
        let width = row.features >= 0 ? bundles[Int(row.bundle)].features.count : 0
        features.withUnsafeBytes { all in
          let start = max(0, Int(row.features)) * 8
          Decisions.writeDecided(
            duplicate: row.status == .duplicate, partition: row.partition, offset: row.offset, decision: row.decision,
            bundle: row.bundle, listVersion: withListVersions ? row.listVersion : 0,
            features: UnsafeRawBufferPointer(rebasing: all[start..<start + width * 8]), to: &out)
        }
      case .rejected: Decisions.writeRejected(rejection(of: index), to: &out)
      case .retry: Decisions.writeRetry(row.failure, to: &out)
      case .applied, .alreadyApplied:
        Decisions.writeLabelled(known: row.status == .alreadyApplied, partition: row.partition, offset: row.offset, to: &out)
      case .pending: Decisions.writeRetry(.unavailable, to: &out)
      }
    }
  }

  /// The same answer as a value, for parts that are put together and for HTTP.
  public var decisions: Decisions {
    var all = Decisions()
    all.bundles = bundles.map { .init(id: $0.id, reasons: $0.reasonCodes, features: withFeatures ? $0.features.names : []) }
    all.outcomes.reserveCapacity(outcomes.count)
    for (index, row) in outcomes.enumerated() {
      var outcome = Decisions.Outcome(status: .retry)
      switch row.status {
      case .decided, .duplicate:
        outcome.status = row.status == .decided ? .decided : .duplicate
        outcome.partition = row.partition
        outcome.offset = row.offset
        outcome.decision = row.decision
        outcome.bundle = row.bundle
        outcome.listVersion = row.listVersion
        if row.features >= 0 {
          let start = Int(row.features)
          outcome.features = Array(features[start..<start + bundles[Int(row.bundle)].features.count])
        }
      case .rejected:
        outcome.status = .rejected
        outcome.rejection = rejection(of: index)
      case .retry: outcome.failure = row.failure
      case .applied, .alreadyApplied:
        outcome.status = row.status == .applied ? .applied : .alreadyApplied
        outcome.partition = row.partition
        outcome.offset = row.offset
      case .pending: outcome.failure = .unavailable
      }
      all.outcomes.append(outcome)
    }
    return all
  }

  public var hasRejects: Bool { outcomes.contains { $0.status == .rejected } }

  /// Why a row was rejected, in words.
  public func rejection(of row: Int) -> Rejection {
    if let known = rejections[row] { return known }
    let reason = outcomes[row].reject
    let detail =
      switch reason {
      case .conflictingDuplicate: "a transaction of this id and card with other content was decided before"
      case .retryBeforeHorizon: "first sent before the dedup horizon: whether it was decided is no longer known, so it is not decided again"
      case .unknownTransaction:
        "the card's history has no transaction of this id and time: it was never decided here, or too late for the history, or it lies "
          + "further back than any feature of labels looks"
      case .contradictsTransaction: "the transaction of this id was submitted with other content; send the label with the original"
      case .contradictsLabel: "the transaction has another label under the same version; send a higher label_version to change it"
      case .outdatedLabel: "the transaction has another label under a higher version"
      case .labelsNotKept: "no feature of the active bundle asks for labels: none are kept"
      default: "refused"
      }
    let field =
      switch reason {
      case .conflictingDuplicate, .unknownTransaction, .contradictsTransaction: "transaction_id"
      case .contradictsLabel, .outdatedLabel: "label"
      default: ""
      }
    return Rejection(reason, field: field, detail)
  }
}
