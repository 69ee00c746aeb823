import Models
import Wire

/// The two rounds of a transaction that needs features of other partitions' entities (X1, X4): the intake is logged, and the
/// decision once they have answered or the deadline has passed.
extension Shard {
  /// Looks each row of one partition up, and logs the intake of those that are new.
  func takeIn(
    _ payload: RawSpan, _ rows: ArraySlice<RoutedRow>, _ partition: Partition, _ bundle: Bundle, request: Request, id: RequestID,
    firstSent: Int64, now: Int64
  ) {
    let state = partition.state
    guard now >= partition.drainsUntil else { return refuse(rows, request, .sealed) }
    // What others are owed is kept until they take it: refused before it is too much.
    guard state.home.bytes < HomeLedger.bytesMax else { return refuse(rows, request, .busy) }
    let exchange = exchange(of: partition, now: now)
    exchange.home.bundles = state.bundles.map(\.id)
    let agreed = time(of: partition, firstSent: firstSent, now: now)
    let time = agreed ?? state.loggedTime
    let base = partition.replica.log.end
    var taken: [(range: Range<Int>, slots: EntitySlots)] = []
    var bytes = 0
    var waitFor = Offset.zero
    for row in rows {
      let transaction = TransactionView(trusted: payload.extracting(row.range))
      let key = Fingerprint(id: transaction.id, card: row.key)
      switch state.dedup.lookup(key, content: hash64(transaction.bytes, seed: 0)) {
      case .duplicate(let entry):
        request.outcomes[row.index].status = .duplicate
        request.outcomes[row.index].partition = PartitionID(entry.partition)
        request.outcomes[row.index].offset = Offset(entry.offset)
        request.outcomes[row.index].bundle = request.bundleIndex(state.bundles[Int(entry.bundle)])
        request.outcomes[row.index].decision = entry.decision
        request.outcomes[row.index].listVersion = state.dedup.listVersion(of: key)
        guard entry.partition == partition.id.rawValue else { continue }
        let offset = Offset(entry.offset)
        if state.home.intake(offset)?.isDecided == false {
          wait(for: offset, row.index, request, id, exchange)
        } else {
          waitFor = max(waitFor, exchange.home.decisionEnd(offset) ?? offset + 1)
        }
      case .conflict(let entry):
        request.outcomes[row.index].reject(.conflictingDuplicate)
        guard entry.partition == partition.id.rawValue else { continue }
        request.outcomes[row.index].partition = partition.id
        waitFor = max(waitFor, Offset(entry.offset + 1))
      case .new:
        guard agreed != nil else {
          refuse([row], request, .unavailable)
          continue
        }
        if firstSent < time - dedupHorizon {
          request.outcomes[row.index].reject(.retryBeforeHorizon)
          continue
        }
        // Only what is logged may move the state (R14).
        if taken.isEmpty { state.advance(to: time) }
        let offset = base + taken.count
        let slots = transaction.present(bundle.parts.slots)
        state.take(transaction, row.key, slots, at: offset, of: partition.id, bundle)
        taken.append((row.range, slots))
        bytes += row.range.count
        request.outcomes[row.index].partition = partition.id
        request.outcomes[row.index].offset = offset
        request.outcomes[row.index].bundle = request.bundleIndex(bundle)
        wait(for: offset, row.index, request, id, exchange)
      }
    }
    if waitFor > partition.replica.commit {
      request.waiting += 1
      partition.wait(for: waitFor, id)
    }
    guard !taken.isEmpty else { return }
    for offset in 0..<taken.count { exchange.home.took(state.home.intake(base + offset)!) }
    append(
      partition, kind: .intake, count: taken.count, payloadSize: IntakeRecord.payloadSize(rowCount: taken.count, transactionBytes: bytes),
      loggedTime: time, now: now
    ) { out in
      payload.withUnsafeBytes { IntakeRecord.write(bundle: bundle.id, rows: taken, of: $0, to: out) }
    }
  }

  private func wait(for offset: Offset, _ row: Int, _ request: Request, _ id: RequestID, _ exchange: PartitionExchange) {
    request.waiting += 1
    exchange.waiting[offset, default: []].append(.init(request: id, index: row))
  }

  // MARK: The second round

  /// Of one entry with late decisions: far below what a frame takes, so that a burst behind a long wait can be replicated.
  private static let lateRowsMax = 4_096
  private static let lateBytesMax = 4 << 20

  /// Decides intakes and logs it, in an entry or more for each bundle that they were taken in under.
  func decideLater(_ rows: [ReadyIntake], _ partition: Partition, _ exchange: PartitionExchange, now: Int64) {
    var start = 0
    while start < rows.count {
      guard let bundle = partition.state.home.intake(rows[start].offset)?.bundle else { preconditionFailure("it is open") }
      let rowBytes = 8 * partition.state.bundles[Int(bundle)].features.count + 64
      var end = start
      var bytes = 0
      while end < rows.count, end - start < Self.lateRowsMax, let intake = partition.state.home.intake(rows[end].offset),
        intake.bundle == bundle
      {
        bytes += intake.transaction.count + rowBytes
        guard end == start || bytes <= Self.lateBytesMax else { break }
        end += 1
      }
      decideLater(rows[start..<end], under: partition.state.bundles[Int(bundle)], partition, exchange, now: now)
      start = end
    }
  }

  private func decideLater(
    _ rows: ArraySlice<ReadyIntake>, under bundle: Bundle, _ partition: Partition, _ exchange: PartitionExchange, now: Int64
  ) {
    let state = partition.state
    let width = bundle.features.count
    var matrix = [Double](repeating: .nan, count: rows.count * width)
    var flags: [Decision.Flags] = []
    var records: [UInt8] = []
    var ranges: [Range<Int>] = []
    for (number, row) in rows.enumerated() {
      let intake = state.home.intake(row.offset)!
      matrix.withUnsafeMutableBufferPointer {
        flags.append(fill(UnsafeMutableBufferPointer(rebasing: $0[number * width..<(number + 1) * width]), intake, row, bundle))
      }
      ranges.append(records.count..<records.count + intake.transaction.count)
      records += intake.transaction
    }
    var decisions: [Decision] = []
    matrix.withUnsafeBufferPointer { matrix in
      records.withUnsafeBytes {
        work.decider.decide(
          bundle, records: $0, record: { ranges[$0] }, matrix: matrix, rowCount: rows.count, stride: width, flags: flags[...],
          hot: state.hot.isEmpty ? [] : [(0..<rows.count, state.hot)], into: &decisions)
      }
    }
    state.advance(to: ownTime(of: partition, now: now))
    let end = partition.replica.log.end + 1
    exchange.home.decided(rows.map(\.offset), end: end)
    for (number, row) in rows.enumerated() {
      let transaction = state.home.intake(row.offset)!.transaction
      _ = state.home.decide(row.offset, owed: row.owed)
      transaction.withUnsafeBytes { bytes in
        let view = TransactionView(trusted: RawSpan(_unsafeBytes: bytes))
        state.dedup.settle(
          Fingerprint(id: view.id, card: view.keyHash), partition: partition.id, offset: row.offset, decisions[number],
          listVersion: state.hot.version)
      }
      answer(row.offset, decisions[number], matrix[number * width..<(number + 1) * width], end: end, partition, exchange)
    }
    log(partition, .decidedLater, now: now) { out in
      LateDecisions.writePrefix(rows.map { ($0.offset, $0.owed) }, to: &out)
      DecidedBatch.write(
        bundle: bundle.id, listVersion: state.hot.version, transactions: records, decisions: decisions, features: matrix, to: &out)
    }
  }

  /// Puts a row together: the home entity's features, the others' as far as they have come, and what lies between them.
  private func fill(
    _ row: UnsafeMutableBufferPointer<Double>, _ intake: HomeLedger.Intake, _ ready: ReadyIntake, _ bundle: Bundle
  ) -> Decision.Flags {
    let parts = bundle.parts
    let pending = intake.pending!
    var flags = pending.flags
    for (value, column) in zip(pending.row, parts.home.columns) { row[column] = value }
    var missing = EntitySlots()
    var amount: Int64 = 0
    intake.transaction.withUnsafeBytes { bytes in
      let view = TransactionView(trusted: RawSpan(_unsafeBytes: bytes))
      missing = view.present(parts.slots)
      amount = view.amount
    }
    for reply in ready.replies {
      guard case .applied(let seen, let values) = reply.status, let part = parts.part(reply.slot.kind), values.count == part.columns.count
      else { continue }
      for (value, column) in zip(values, part.columns) { row[column] = value }
      flags.formUnion(Observation(rawValue: seen).decisionFlags)
      missing.remove(reply.slot)
    }
    if !missing.isEmpty {
      flags.insert(.degraded)
      degraded[Self.reason(ready, missing).rawValue] += 1
    }
    parts.finish(row, amount: amount)
    return flags
  }

  /// Of several the first that an operator can do something about.
  private static func reason(_ ready: ReadyIntake, _ missing: EntitySlots) -> DegradedReason {
    if ready.isHeldBack { return .window }
    return ready.replies.contains { missing.contains($0.slot) } ? .bundle : .deadline
  }

  /// Whoever waits for the decision waits for its commit from here on.
  private func answer(
    _ offset: Offset, _ decision: Decision, _ features: ArraySlice<Double>, end: Offset, _ partition: Partition,
    _ exchange: PartitionExchange
  ) {
    for row in exchange.waiting.removeValue(forKey: offset) ?? [] {
      let request = request(row.request)
      request.outcomes[row.index].decision = decision
      request.outcomes[row.index].listVersion = partition.state.hot.version
      if request.outcomes[row.index].status == .pending {
        request.outcomes[row.index].status = .decided
        output.decidedLater.append(decision)
      }
      if request.withFeatures, request.outcomes[row.index].status == .decided {
        request.outcomes[row.index].features = Int32(request.features.count)
        request.features.append(contentsOf: features)
      }
      partition.wait(for: end, row.request)
    }
  }
}
