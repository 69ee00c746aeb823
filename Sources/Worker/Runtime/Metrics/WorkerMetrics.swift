import Wire

/// What a worker counts. Make one for each event loop: they are cells of the same series, and the registry sums them.
public struct WorkerMetrics: Sendable {
  /// By `2 * action + verdict`.
  private let decisions: [Counter]
  /// By reason's place in `RejectReason.allCases`, from 1 on in raw values.
  private let rejections: [Counter]
  private let retries: [Counter]
  public let duplicates: Counter
  public let labels: Counter
  public let labelsRepeated: Counter
  public let httpRetried: Counter
  /// Rows.
  public let bulkWaiting: Gauge
  private let refusals: [Counter]
  /// Nanoseconds from a `Submit`'s arrival to its answer.
  public let decisionLatency: Histogram
  /// Nanoseconds of one fdatasync.
  public let syncLatency: Histogram
  public let checkpoints: Counter
  public let checkpointsFailed: Counter
  /// Nanoseconds that one piece of a checkpoint held the event loop.
  public let checkpointPiece: Histogram
  public let transferBytes: Counter
  public let transferRefused: Counter
  public let transfers: Counter

  public init(_ registry: MetricsRegistry) {
    decisions = (0..<6).map { index in
      let action = Decision.Action(rawValue: UInt8(index / 2))!
      let verdict = Decision.Verdict(rawValue: UInt8(index % 2))!
      return registry.counter(
        "assay_decisions_total", "Transactions decided, duplicates not counted.",
        ["verdict": Self.name(verdict), "action": Self.name(action)], isSparse: true)
    }
    rejections = RejectReason.allCases.map { reason in
      registry.counter(
        "assay_rejected_total", "Transactions refused as they are, by the reason's code.", ["reason": reason.code])
    }
    retries = FailureCode.allCases.map { code in
      registry.counter(
        "assay_retries_answered_total", "Transactions not decided and answered as to be sent again, by cause.",
        ["code": code.name], isSparse: true)
    }
    duplicates = registry.counter(
      "assay_duplicates_total", "Transactions that had been decided before and got the original decision.")
    labels = registry.counter("assay_labels_total", "Labels of transactions that were taken in.", isSparse: true)
    labelsRepeated = registry.counter(
      "assay_labels_repeated_total", "Labels that their transactions had before, under this version or a higher one.", isSparse: true)
    httpRetried = registry.counter(
      "assay_http_retried_total", "Transactions of HTTP requests tried again within their deadline, each time counted.")
    bulkWaiting = registry.gauge("assay_bulk_waiting_rows", "Transactions of bulk batches that wait behind interactive ones.")
    refusals = ["bulk", "interactive"].map {
      registry.counter(
        "assay_refused_batches_total", "Batches refused because of overload, or because the worker can't serve.", ["class": $0])
    }
    decisionLatency = registry.histogram(
      "assay_decision_latency_seconds", "From a transaction's arrival at this worker to its answer, one count a transaction.")
    syncLatency = registry.histogram("assay_journal_fsync_seconds", "Duration of the journal's fdatasync.")
    checkpoints = registry.counter("assay_checkpoints_total", "Snapshots written by this worker.")
    checkpointsFailed = registry.counter("assay_checkpoints_failed_total", "Snapshots that could not be written.")
    checkpointPiece = registry.histogram(
      "assay_checkpoint_piece_seconds", "For how long one piece of a checkpoint held an event loop.")
    transferBytes = registry.counter("assay_transfer_bytes_total", "Bytes of snapshots received from other workers.")
    transferRefused = registry.counter(
      "assay_transfer_refused_total", "Pieces of snapshots that came late, of sessions that were over, and were not taken.")
    transfers = registry.counter("assay_transfers_total", "Copies of partitions that were fed a snapshot and put in place here.")
  }

  @inline(__always) public func decided(_ decision: Decision) {
    decisions[Int(decision.action.rawValue) * 2 + Int(decision.verdict.rawValue)].add()
  }

  public func refused(isInteractive: Bool) { refusals[isInteractive ? 1 : 0].add() }
  public func rejected(_ reason: RejectReason) { rejections[Self.place(reason)].add() }
  public func retried(_ code: FailureCode) { retries[FailureCode.allCases.firstIndex(of: code)!].add() }

  private static func place(_ reason: RejectReason) -> Int { RejectReason.allCases.firstIndex(of: reason)! }

  private static func name(_ verdict: Decision.Verdict) -> String {
    switch verdict {
    case .clear: "clear"
    case .potentialFraud: "potential_fraud"
    }
  }

  private static func name(_ action: Decision.Action) -> String {
    switch action {
    case .approve: "approve"
    case .review: "review"
    case .decline: "decline"
    }
  }
}
