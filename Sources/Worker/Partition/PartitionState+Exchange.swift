import Models
import Wire

/// Entries of the exchange (X1-X5): what a home logs of its own transactions, and what an entities' partition logs of
/// others'.
extension PartitionState {
  /// Some bundle had features of other entities, or others had them of entities here.
  var mayExchange: Bool { !foreign.isEmpty || !home.isEmpty || !accounts.isEmpty }

  func apply(exchange header: LogRecord, _ payload: RawSpan) throws(WireError) {
    switch header.kind {
    case .intake: try apply(try IntakeRecord(reading: payload, rowCount: header.count), header)
    case .decidedLater: try apply(try LateDecisions(reading: payload), header)
    case .acknowledged:
      for row in try AcknowledgedRecord(reading: payload).rows { home.acknowledge(row.offset, row.slots) }
    case .labels: try apply(try LabelsRecord(reading: payload, count: header.count), header)
    case .contributions:
      for record in try ContributionsRecord.readAll(payload) { contribute(record, end: header.endOffset) }
    case .forgotten:
      let record = try ForgottenRecord(reading: payload)
      accounts.forget(record.homes, map: record.map)
    default: preconditionFailure("\(header.kind) is none of the exchange's entries")
    }
  }

  // MARK: Home

  private func apply(_ record: borrowing IntakeRecord, _ header: LogRecord) throws(WireError) {
    guard let bundle, bundle.id == record.bundle else {
      throw .invalid(at: 0, "taken in under bundle \(record.bundle), which isn't the active one")
    }
    var ranges: [Range<Int>] = []
    try record.locateTransactions(into: &ranges)
    for (row, range) in ranges.enumerated() {
      let transaction = record.transaction(range)
      let slots = record.slots(row)
      guard transaction.present(slots) == slots else { throw .invalid(at: row, "it owes to an entity that it does not have") }
      take(transaction, transaction.keyHash, slots, at: header.baseOffset + row, of: header.partition, bundle)
    }
  }

  /// A transaction that is decided later: its card's features are those at this place in the log.
  func take(
    _ transaction: TransactionView, _ key: KeyHash, _ slots: EntitySlots, at offset: Offset, of partition: PartitionID, _ bundle: Bundle
  ) {
    var row = [Double](repeating: .nan, count: max(1, bundle.parts.home.features.count))
    let seen = row.withUnsafeMutableBufferPointer { entities!.observe(transaction, keyHash: key, into: $0) }
    let bytes = transaction.bytes.withUnsafeBytes { [UInt8]($0) }
    let number = UInt32(bundles.count - 1)
    home.take(
      .init(offset: offset, bundle: number, owed: slots, pending: .init(row: row, flags: seen.decisionFlags), transaction: bytes))
    dedup.insert(
      Fingerprint(id: transaction.id, card: key), content: hash64(transaction.bytes, seed: 0), partition: partition, offset: offset,
      decision: Decision(score: 0, action: .approve, verdict: .clear, flags: [], reasons: Decision.noReasons), bundle: number,
      loggedTime: loggedTime, listVersion: hot.version)
  }

  private func apply(_ record: LabelsRecord, _ header: LogRecord) throws(WireError) {
    guard let bundle else { throw .invalid(at: 0, "labels before any bundle") }
    for (row, labelled) in record.rows.enumerated() {
      labelled.transaction.withUnsafeBytes { bytes in
        let transaction = TransactionView(trusted: RawSpan(_unsafeBytes: bytes))
        label(labelled.label, transaction, transaction.keyHash, at: header.baseOffset + row, bundle)
      }
    }
  }

  /// The card's history has the label from here on; the other entities whose features of the bundle ask for labels are owed it.
  func label(_ label: Label, _ transaction: TransactionView, _ key: KeyHash, at offset: Offset, _ bundle: Bundle) {
    entities!.setLabel(label, of: transaction, keyHash: key)
    let slots = transaction.present(bundle.parts.labelSlots)
    guard !slots.isEmpty else { return }
    home.take(
      .init(
        offset: offset, bundle: UInt32(bundles.count - 1), owed: slots, pending: nil,
        transaction: transaction.bytes.withUnsafeBytes { [UInt8]($0) }, label: label))
  }

  private func apply(_ late: borrowing LateDecisions, _ header: LogRecord) throws(WireError) {
    try requireVersion(late.batch.listVersion)
    var ranges: [Range<Int>] = []
    try late.batch.locateTransactions(into: &ranges)
    for (row, range) in ranges.enumerated() {
      let offset = late.offset(row)
      guard let decision = late.batch.decision(row) else { throw .invalid(at: row, "no such action or verdict") }
      guard let intake = home.intake(offset), !intake.isDecided, bundles[Int(intake.bundle)].id == late.batch.bundle else {
        throw .invalid(at: row, "nothing undecided under bundle \(late.batch.bundle) stands at \(offset)")
      }
      _ = home.decide(offset, owed: late.owed(row))
      let transaction = late.batch.transaction(range)
      dedup.settle(
        Fingerprint(id: transaction.id, card: transaction.keyHash), partition: header.partition, offset: offset, decision,
        listVersion: late.batch.listVersion)
    }
  }

  // MARK: Entities

  /// Adds the contributions to their entities' histories. Values are given where this partition computes the features that the
  /// contribution's bundle declares, beside others or alone: else it is one of long ago, and the home decides without them (X6).
  func contribute(_ record: ContributionsRecord, end: Offset) {
    let declared = sideBySide.first { $0.id == record.bundle }
    accounts.apply(record, end: end) { transaction, slot, key, label, values in
      guard let kept = foreign[slot.kind] else { return 0 }
      if let label {
        kept.table.setLabel(label, of: transaction, keyHash: key)
        return 0
      }
      let seen = kept.observe(transaction, keyHash: key)
      if let declared, let columns = kept.columns(of: declared) { for column in columns { values.append(kept.row[column]) } }
      return seen.rawValue
    }
  }
}
