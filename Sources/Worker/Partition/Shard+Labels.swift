import Models
import Wire

/// Labels of transactions that were decided here: each is held against its card's history, logged, and owed to the other entities
/// whose features ask for labels. It goes there as contributions do (X1-X3), and has nothing to wait for.
///
/// Every outcome waits for a commit of this primary, also that a transaction is unknown: one that has been deposed without knowing
/// it must not say so (R10).
extension Shard {
  /// Labels on their way to other partitions at which more are refused: the rest of the exchange's window is for payments.
  var labelsOpenMax: Int { exchangeOptions.window / 4 }

  /// The same as `decide`, for rows of a `Submit` of labels.
  @discardableResult
  public func label(
    _ payload: RawSpan, rows: [RoutedRow], rejected: [(row: Int, Rejection)], rowCount: Int, token: UInt64, now: Int64
  ) -> RequestID {
    let id = beginRequest(token: token, rows: rowCount, withFeatures: false)
    let request = request(id)
    request.isOfLabels = true
    for (row, rejection) in rejected { request.reject(row, rejection) }
    var start = 0
    while start < rows.count {
      var end = start + 1
      while end < rows.count, rows[end].partition == rows[start].partition { end += 1 }
      label(payload, rows[start..<end], of: rows[start].partition, request: request, id: id, now: now)
      start = end
    }
    if request.waiting == 0 { output.completed.append(id) }
    return id
  }

  private func label(
    _ payload: RawSpan, _ rows: ArraySlice<RoutedRow>, of id: PartitionID, request: Request, id requestID: RequestID, now: Int64
  ) {
    guard let partition = partitions[id], partition.replica.primaryEpoch != nil else { return refuse(rows, request, .notPrimary) }
    let state = partition.state
    guard partition.replica.isServing, let bundle = state.bundle else { return refuse(rows, request, .unavailable) }
    guard state.seal == nil, partition.pause == nil, now >= partition.drainsUntil else { return refuse(rows, request, .sealed) }
    guard state.home.bytes < HomeLedger.bytesMax / 2 else { return refuse(rows, request, .busy) }
    // Before anything is in the ledger that has not committed: a new one takes all of it for committed.
    let exchange = bundle.parts.labelSlots.isEmpty ? nil : exchange(of: partition, now: now)
    let base = partition.replica.log.end
    let onTheirWay = onTheirWay(state, bundle)
    var record = LabelsRecord(rows: [])
    var isAnswered = false
    for row in rows {
      let bytes = payload.extracting(row.range)
      let transaction = TransactionView(trusted: Label.record(of: bytes))
      guard let label = Label(of: bytes) else { preconditionFailure("a label that has not been checked") }
      if onTheirWay.contains(Fingerprint(id: transaction.id, card: row.key)) {
        refuse([row], request, .unavailable)
        continue
      }
      let standing = state.entities!.labelStanding(transaction, keyHash: row.key)
      if Self.isNews(label, standing), state.home.count >= labelsOpenMax {
        refuse([row], request, .busy)
        continue
      }
      isAnswered = true
      request.outcomes[row.index].partition = id
      switch standing {
      case .notKept: request.outcomes[row.index].reject(.labelsNotKept)
      case .unknown: request.outcomes[row.index].reject(.unknownTransaction)
      case .contradicted: request.outcomes[row.index].reject(.contradictsTransaction)
      case .known(let known?) where known.version >= label.version:
        if known.finding == label.finding {
          request.outcomes[row.index].status = .alreadyApplied
        } else {
          request.outcomes[row.index].reject(known.version == label.version ? .contradictsLabel : .outdatedLabel)
        }
      case .known:
        let offset = base + record.rows.count
        state.label(label, transaction, row.key, at: offset, bundle)
        record.rows.append(.init(transaction: transaction.bytes.withUnsafeBytes { [UInt8]($0) }, label: label))
        request.outcomes[row.index].status = .applied
        request.outcomes[row.index].offset = offset
      }
    }
    guard isAnswered else { return }
    log(record, partition, exchange, request, requestID, now: now)
  }

  private func log(
    _ record: LabelsRecord, _ partition: Partition, _ exchange: PartitionExchange?, _ request: Request, _ id: RequestID, now: Int64
  ) {
    let state = partition.state
    state.advance(to: ownTime(of: partition, now: now))
    let base = partition.replica.log.end
    if let exchange {
      exchange.home.bundles = state.bundles.map(\.id)
      for row in record.rows.indices {
        if let intake = state.home.intake(base + row) { exchange.home.took(intake) }
      }
    }
    request.waiting += 1
    partition.wait(for: base + record.count, id)
    log(partition, .labels, count: record.count, now: now) { record.write(to: &$0) }
  }

  private static func isNews(_ label: Label, _ standing: LabelStanding) -> Bool {
    guard case .known(let known) = standing else { return false }
    return known.map { $0.version < label.version } ?? true
  }

  /// Transactions that others are still owed: a label that came there first would find nothing. It is to be sent again.
  private func onTheirWay(_ state: PartitionState, _ bundle: Bundle) -> Set<Fingerprint> {
    var found: Set<Fingerprint> = []
    for intake in state.home.unfinished where intake.label == nil && !intake.owed.isDisjoint(with: bundle.parts.labelSlots) {
      intake.transaction.withUnsafeBytes { bytes in
        let transaction = TransactionView(trusted: RawSpan(_unsafeBytes: bytes))
        found.insert(Fingerprint(id: transaction.id, card: transaction.keyHash))
      }
    }
    return found
  }
}
