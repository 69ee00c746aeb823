import Wire
import Worker

/// A partition of entities: its log, and the state and core of whoever leads it. An entity's history is how many
/// contributions it has had.
struct EntityModel {
  enum Entry {
    case contributions([UInt8])
    case forgotten([UInt8])
  }

  let id: PartitionID
  let range: KeyRange
  var epoch = Epoch(1)
  var log: [Entry] = []
  /// Entries.
  var committed = 0
  /// Everything in the log is applied.
  var ledger: EntityLedger
  private var counts: [KeyHash: Int]
  private var exchange: EntityExchange
  private var map = MapModel(version: .none, homes: [], targets: [])
  private var snapshot: (ledger: [UInt8], counts: [KeyHash: Int], entries: Int)

  init(id: PartitionID, range: KeyRange, ledger: EntityLedger = EntityLedger(), counts: [KeyHash: Int] = [:]) {
    self.id = id
    self.range = range
    self.ledger = ledger
    self.counts = counts
    exchange = Self.exchange(id, range, Epoch(1))
    snapshot = (Self.encoded(ledger), counts, 0)
  }

  private static func exchange(_ id: PartitionID, _ range: KeyRange, _ epoch: Epoch) -> EntityExchange {
    EntityExchange(
      partition: id, range: range, epoch: epoch,
      me: Member(node: NodeID(id.rawValue), storage: .none, incarnation: Incarnation(epoch.rawValue)), window: ExchangeModel.window)
  }

  private static func encoded(_ ledger: EntityLedger) -> [UInt8] {
    var out = WireWriter()
    ledger.write(to: &out)
    return out.bytes
  }

  var route: ExchangeRoute { ExchangeRoute(partition: id, range: range, epoch: epoch, node: NodeID(id.rawValue)) }
  var isAtRest: Bool { committed == log.count }
  private func end(_ entries: Int) -> Offset { Offset(UInt64(entries)) }

  // MARK: Inputs

  mutating func receive(_ message: Contributions) -> [EntityAction] {
    var actions: [EntityAction] = []
    let home = EntityExchange.HomeStanding(map: map.version, isPresent: map.homes.contains(message.home))
    let record = exchange.received(message, ledger, home: home, next: end(log.count), &actions)
    exchange.settle(end(committed), &ledger, &actions)
    guard let record else { return actions }
    var out = WireWriter()
    record.write(to: &out)
    append(.contributions(out.bytes))
    exchange.logged(ledger, &actions)
    return actions
  }

  /// Answers how many homes were forgotten.
  mutating func learn(_ map: MapModel) -> Int {
    // A node keeps the newest map that it has seen.
    guard map.version > self.map.version else { return 0 }
    self.map = map
    let gone = ledger.forgettable(absentFrom: { map.homes.contains($0) }, map: map.version)
    guard !gone.isEmpty else { return 0 }
    var out = WireWriter()
    ForgottenRecord(map: map.version, homes: gone).write(to: &out)
    append(.forgotten(out.bytes))
    return gone.count
  }

  mutating func commit(_ count: Int, _ truth: inout TruthModel) -> [EntityAction] {
    tell(committed..<committed + count, &truth)
    committed += count
    var actions: [EntityAction] = []
    exchange.settle(end(committed), &ledger, &actions)
    return actions
  }

  /// Another replica leads: see `HomeModel.failOver`. The map that it has may be an older one.
  mutating func failOver(keeping: Int, _ truth: inout TruthModel, map: MapModel) {
    log.removeLast(log.count - committed - keeping)
    tell(committed..<log.count, &truth)
    committed = log.count
    epoch = epoch.next
    self.map = MapModel(version: .none, homes: [], targets: [])
    ledger = Self.decoded(snapshot.ledger)
    counts = snapshot.counts
    for (index, entry) in log.enumerated().dropFirst(snapshot.entries) { apply(entry, end: end(index + 1)) }
    exchange = Self.exchange(id, range, epoch)
    _ = learn(map)
  }

  mutating func checkpoint() {
    guard committed == log.count else { return }
    snapshot = (Self.encoded(ledger), counts, log.count)
  }

  private static func decoded(_ bytes: [UInt8]) -> EntityLedger {
    var reader = WireReader(bytes.span.bytes)
    let ledger = try! EntityLedger(from: &reader)
    try! reader.finish()
    return ledger
  }

  // MARK: Entries

  private mutating func append(_ entry: Entry) {
    log.append(entry)
    apply(entry, end: end(log.count))
  }

  private mutating func apply(_ entry: Entry, end: Offset) {
    switch entry {
    case .contributions(let bytes):
      let record = try! ContributionsRecord.readAll(bytes.span.bytes)[0]
      var counts = counts
      ledger.apply(record, end: end) { _, _, key, _, values in
        counts[key, default: 0] += 1
        values.append(Double(counts[key]!))
        return 0
      }
      self.counts = counts
    case .forgotten(let bytes):
      let record = try! ForgottenRecord(reading: bytes.span.bytes)
      ledger.forget(record.homes, map: record.map)
    }
  }

  /// Entries that commit now, with the values that they were answered with when they were applied.
  private func tell(_ entries: Range<Int>, _ truth: inout TruthModel) {
    guard !entries.isEmpty else { return }
    var copy = self
    copy.ledger = Self.decoded(snapshot.ledger)
    copy.counts = snapshot.counts
    for index in snapshot.entries..<entries.upperBound {
      let before = copy.counts
      copy.apply(log[index], end: end(index + 1))
      guard index >= entries.lowerBound, case .contributions(let bytes) = log[index] else { continue }
      var counts = before
      let record = try! ContributionsRecord.readAll(bytes.span.bytes)[0]
      for item in record.items {
        item.slots.forEach { slot in
          let key = item.transaction.withUnsafeBytes { TransactionView(trusted: RawSpan(_unsafeBytes: $0)).key(slot) }
          counts[key, default: 0] += 1
          truth.committedContribution(record.home, item, slot, Double(counts[key]!))
        }
      }
    }
  }

  // MARK: Split and merge

  func child(_ id: PartitionID, _ range: KeyRange) -> EntityModel {
    EntityModel(id: id, range: range, ledger: ledger.part(range), counts: counts.filter { range.contains($0.key) })
  }

  static func merged(_ a: EntityModel, _ b: EntityModel, _ id: PartitionID) -> EntityModel {
    EntityModel(
      id: id, range: KeyRange(first: a.range.first, last: b.range.last), ledger: EntityLedger.merged(a.ledger, b.ledger),
      counts: a.counts.merging(b.counts) { mine, _ in mine })
  }
}
