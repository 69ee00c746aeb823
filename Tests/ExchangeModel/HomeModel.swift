import Wire
import Worker

/// A home partition: its log, and the state and core of whoever leads it.
struct HomeModel {
  enum Kind { case intake, decided, acknowledged }

  struct Entry {
    var kind: Kind
    var base: Offset
    var count: Int
    var payload: [UInt8]
    var end: Offset { base + count }
  }

  let id: PartitionID
  var epoch = Epoch(1)
  var log: [Entry] = []
  /// Entries.
  var committed = 0
  /// Everything in the log is applied.
  var ledger = HomeLedger()
  var exchange: HomeExchange
  /// A snapshot and the entries that it holds.
  private var snapshot: [UInt8]
  private var snapshotCount = 0

  private static let bundle = BundleID(high: 1, low: 1)

  init(id: PartitionID, map: MapModel, now: Int64) {
    self.id = id
    exchange = Self.exchange(id, Epoch(1), ledger, Offset.zero, map, now)
    snapshot = Self.encoded(ledger)
  }

  private static func exchange(
    _ id: PartitionID, _ epoch: Epoch, _ ledger: HomeLedger, _ commit: Offset, _ map: MapModel, _ now: Int64
  ) -> HomeExchange {
    let me = Member(node: NodeID(id.rawValue), storage: .none, incarnation: Incarnation(epoch.rawValue))
    return HomeExchange(
      partition: id, epoch: epoch, me: me, deadline: ExchangeModel.deadline, window: ExchangeModel.window, ledger: ledger,
      bundles: [bundle], commit: commit, routes: map.targets, now: now)
  }

  private static func encoded(_ ledger: HomeLedger) -> [UInt8] {
    var out = WireWriter()
    ledger.write(to: &out)
    return out.bytes
  }

  var end: Offset { log.last?.end ?? .zero }
  var commitOffset: Offset { committed == 0 ? .zero : log[committed - 1].end }
  var isAtRest: Bool { committed == log.count && ledger.isEmpty }
  var mayRetire: Bool { committed == log.count && exchange.isDrained }

  // MARK: Entries

  mutating func takeIn(_ transactions: [[UInt8]], _ slots: [EntitySlots]) {
    var out = WireWriter()
    IntakeRecord.write(bundle: Self.bundle, transactions: transactions, slots: slots, to: &out)
    append(.intake, count: transactions.count, out.bytes)
    for row in slots.indices { exchange.took(ledger.intake(log.last!.base + row)!) }
  }

  mutating func decide(_ rows: [ReadyIntake], _ truth: inout TruthModel) {
    let open = rows.filter { ledger.intake($0.offset)?.isDecided == false }
    if open.count < rows.count { truth.fail("\(id): a decision was made again") }
    guard !open.isEmpty else { return }
    var out = WireWriter()
    LateDecisions.writePrefix(open.map { ($0.offset, $0.owed) }, to: &out)
    let transactions = open.map { ledger.intake($0.offset)!.transaction }
    out.write(Self.bundle.high)
    out.write(Self.bundle.low)
    out.write(UInt32(transactions.reduce(0) { $0 + $1.count }))
    out.write(UInt16(ExchangeModel.slots.count))
    out.write(0 as UInt16)
    for transaction in transactions { transaction.withUnsafeBytes { out.write(raw: $0) } }
    for _ in open { for _ in 0..<Decision.size { out.write(0 as UInt8) } }
    for row in open {
      for slot in ExchangeModel.slots {
        var value = Double.nan
        for reply in row.replies where reply.slot == slot {
          if case .applied(_, let values) = reply.status { value = values.first! }
        }
        out.write(value)
      }
    }
    append(.decided, count: 1, out.bytes)
    exchange.decided(open.map(\.offset), end: end)
  }

  mutating func acknowledge(_ record: AcknowledgedRecord) {
    var out = WireWriter()
    record.write(to: &out)
    append(.acknowledged, count: 1, out.bytes)
  }

  private mutating func append(_ kind: Kind, count: Int, _ payload: [UInt8]) {
    log.append(Entry(kind: kind, base: end, count: count, payload: payload))
    Self.apply(log.last!, &ledger)
  }

  private static func apply(_ entry: Entry, _ ledger: inout HomeLedger) {
    entry.payload.withUnsafeBytes { bytes in
      let payload = RawSpan(_unsafeBytes: bytes)
      switch entry.kind {
      case .intake:
        let record = try! IntakeRecord(reading: payload, rowCount: entry.count)
        var ranges: [Range<Int>] = []
        try! record.locateTransactions(into: &ranges)
        for (row, range) in ranges.enumerated() {
          let transaction = record.transaction(range).bytes.withUnsafeBytes { [UInt8]($0) }
          ledger.take(
            .init(
              offset: entry.base + row, bundle: 0, owed: record.slots(row), pending: .init(row: [Double(row)], flags: []),
              transaction: transaction))
        }
      case .decided:
        let record = try! LateDecisions(reading: payload)
        for row in 0..<record.rowCount { _ = ledger.decide(record.offset(row), owed: record.owed(row)) }
      case .acknowledged:
        for row in try! AcknowledgedRecord(reading: payload).rows { ledger.acknowledge(row.offset, row.slots) }
      }
    }
  }

  // MARK: Inputs

  mutating func commit(_ count: Int, _ truth: inout TruthModel, now: Int64) -> [HomeAction] {
    for entry in log[committed..<committed + count] { Self.tell(entry, id, &truth) }
    committed += count
    var actions: [HomeAction] = []
    exchange.committed(commitOffset, now: now)
    exchange.settle(ledger, now: now, &actions)
    return actions
  }

  private static func tell(_ entry: Entry, _ id: PartitionID, _ truth: inout TruthModel) {
    entry.payload.withUnsafeBytes { bytes in
      let payload = RawSpan(_unsafeBytes: bytes)
      switch entry.kind {
      case .intake:
        let record = try! IntakeRecord(reading: payload, rowCount: entry.count)
        var ranges: [Range<Int>] = []
        try! record.locateTransactions(into: &ranges)
        for (row, range) in ranges.enumerated() {
          truth.committedIntake(
            id, entry.base + row, record.transaction(range).bytes.withUnsafeBytes { [UInt8]($0) }, record.slots(row))
        }
      case .decided:
        let record = try! LateDecisions(reading: payload)
        for row in 0..<record.rowCount {
          let features = record.batch.features(row)
          let values = ExchangeModel.slots.indices.map { features.unsafeLoadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
          truth.committedDecision(id, record.offset(row), values)
        }
      case .acknowledged: break
      }
    }
  }

  mutating func tick(now: Int64) -> [HomeAction] {
    var actions: [HomeAction] = []
    exchange.tick(ledger, now: now, &actions)
    return actions
  }

  mutating func learn(_ map: MapModel, now: Int64) -> [HomeAction] {
    var actions: [HomeAction] = []
    exchange.routed(map.targets, ledger)
    exchange.settle(ledger, now: now, &actions)
    return actions
  }

  mutating func receive(_ replies: ContributionReplies, now: Int64) -> [HomeAction] {
    var actions: [HomeAction] = []
    exchange.received(replies, ledger, now: now, &actions)
    exchange.settle(ledger, now: now, &actions)
    return actions
  }

  /// Another replica leads: it has what had committed, `keeping` entries more, and nothing of what was in memory. It
  /// serves once all that has committed (R7).
  mutating func failOver(keeping: Int, _ truth: inout TruthModel, map: MapModel, now: Int64) {
    log.removeLast(log.count - committed - keeping)
    for entry in log[committed...] { Self.tell(entry, id, &truth) }
    committed = log.count
    epoch = epoch.next
    ledger = Self.decoded(snapshot)
    for entry in log[snapshotCount...] { Self.apply(entry, &ledger) }
    exchange = Self.exchange(id, epoch, ledger, commitOffset, map, now)
  }

  mutating func checkpoint() {
    guard committed == log.count else { return }
    snapshot = Self.encoded(ledger)
    snapshotCount = log.count
  }

  private static func decoded(_ bytes: [UInt8]) -> HomeLedger {
    var reader = WireReader(bytes.span.bytes)
    let ledger = try! HomeLedger(from: &reader)
    try! reader.finish()
    return ledger
  }
}
