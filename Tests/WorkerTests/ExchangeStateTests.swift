import Testing
import Wire

@testable import Models
@testable import Worker

/// What the exchange's entries make of a partition's state, and that snapshots, splits and merges keep it.
@Suite struct ExchangeStateTests {
  static let hour = Window(length: 3_600_000)

  static func bundle(_ number: UInt64 = 1, device: Bool = true) -> Bundle {
    var features = [
      Feature(name: "card_count", aggregate: .statistic(.count, hour, nil)),
      Feature(name: "terminal_count", entity: .terminal, aggregate: .statistic(.count, hour, nil)),
      Feature(name: "terminal_sum", entity: .terminal, aggregate: .statistic(.sum, hour, nil)),
    ]
    if device { features.append(Feature(name: "device_cards", entity: .device, aggregate: .distinct(.card, hour, nil))) }
    return Bundle(
      id: BundleID(high: number, low: number), name: "b\(number)", schema: .standard,
      features: FeatureSet(features: features, allowedLateness: 3_600_000, eventsPerEntityMax: 4096, extraFieldCount: 0), model: nil,
      policy: Policy(), reasonRules: [])
  }

  /// The same entities with other features.
  static func otherBundle(_ number: UInt64) -> Bundle {
    let features = [
      Feature(name: "card_sum", aggregate: .statistic(.sum, hour, nil)),
      Feature(name: "terminal_max", entity: .terminal, aggregate: .statistic(.max, hour, nil)),
      Feature(name: "terminal_count", entity: .terminal, aggregate: .statistic(.count, hour, nil)),
    ]
    return Bundle(
      id: BundleID(high: number, low: number), name: "b\(number)", schema: .standard,
      features: FeatureSet(features: features, allowedLateness: 3_600_000, eventsPerEntityMax: 4096, extraFieldCount: 0), model: nil,
      policy: Policy(), reasonRules: [])
  }

  static func transaction(_ id: String, card: String, terminal: String, device: String, amount: Int64 = 100) -> [UInt8] {
    var builder = TransactionBuilder()
    builder.eventTime = ShardRig.start
    builder.amount = amount
    builder.currency = .euro
    builder.id = Array(id.utf8)
    builder.card = Array(card.utf8)
    builder.terminal = Array(terminal.utf8)
    builder.device = Array(device.utf8)
    var out: [UInt8] = []
    builder.append(to: &out)
    return out
  }

  /// A partition's log, applied as it is written.
  struct Log {
    var state = PartitionState(dedupHorizon: ShardRig.horizon)
    var table = EpochTable()
    var records: [(LogRecord, [UInt8])] = []
    var bundles = [bundle()]

    init() {
      append(.epochStart) { _ in }
      activate(bundles[0])
    }

    mutating func activate(_ bundle: Bundle) { name(bundle, by: .bundleActivated) }
    mutating func prepare(_ bundle: Bundle) { name(bundle, by: .bundlePrepared) }

    private mutating func name(_ bundle: Bundle, by kind: LogRecord.Kind) {
      if !bundles.contains(where: { $0 === bundle }) { bundles.append(bundle) }
      append(kind) {
        $0.write(bundle.id.high)
        $0.write(bundle.id.low)
      }
    }

    mutating func append(_ kind: LogRecord.Kind, count: Int = 1, _ write: (inout WireWriter) -> Void) {
      var out = WireWriter()
      write(&out)
      let payload = out.bytes
      let header = LogRecord(
        partition: PartitionID(1), kind: kind, count: count, epoch: Epoch(1), baseOffset: state.applied, loggedTime: ShardRig.start,
        commitOffset: state.applied, length: LogRecord.headerSize + payload.count)
      let chunk = RecordChunk()
      _ = chunk.append(header) { $0.copyBytes(from: payload) }
      table.append(epoch: Epoch(1), base: header.baseOffset, count: count)
      records.append((header, chunk.bytes))
      let bundles = bundles
      try! chunk.bytes.withUnsafeBytes { try state.apply(header, $0) { id in bundles.first { $0.id == id } } }
    }

    func find(_ id: BundleID) -> Bundle? { bundles.first { $0.id == id } }

    mutating func takeIn(_ transactions: [[UInt8]], _ kinds: [EntityKind] = [.terminal, .device]) -> Offset {
      let base = state.applied
      let bundle = state.bundle!.id
      append(.intake, count: transactions.count) {
        IntakeRecord.write(
          bundle: bundle, transactions: transactions, slots: transactions.map { _ in ExchangeRig.slots(kinds) }, to: &$0)
      }
      return base
    }

    mutating func contribute(
      _ home: UInt32, _ transactions: [(offset: UInt64, bytes: [UInt8])], settled: UInt64 = 0, bundle: BundleID = BundleID(high: 1, low: 1)
    ) {
      append(.contributions) { out in
        ContributionsRecord(
          home: PartitionID(home), settled: Offset(settled), map: MapVersion(1), range: ExchangeRig.everything, bundle: bundle,
          items: transactions.map {
            ContributionItem(offset: Offset($0.offset), slots: ExchangeRig.slots([.terminal, .device]), transaction: $0.bytes)
          }
        ).write(to: &out)
      }
    }

    mutating func decide(_ offset: Offset, _ transaction: [UInt8], score: Float, owed: [EntityKind]) {
      let bundle = state.bundle!
      append(.decidedLater) { out in
        LateDecisions.writePrefix([(offset, ExchangeRig.slots(owed))], to: &out)
        out.write(bundle.id.high)
        out.write(bundle.id.low)
        out.write(UInt32(transaction.count))
        out.write(UInt16(bundle.features.count))
        out.write(0 as UInt16)
        transaction.withUnsafeBytes { out.write(raw: $0) }
        let decision = Decision(score: score, action: .review, verdict: .potentialFraud, flags: .degraded, reasons: Decision.noReasons)
        withUnsafeTemporaryAllocation(byteCount: Decision.size, alignment: 8) { bytes in
          decision.write(to: bytes.baseAddress!)
          out.write(raw: UnsafeRawBufferPointer(bytes))
        }
        for _ in 0..<bundle.features.count { out.write(1.0) }
      }
    }
  }

  static let a = transaction("a", card: "c1", terminal: "t1", device: "d1", amount: 100)
  static let b = transaction("b", card: "c2", terminal: "t1", device: "d1", amount: 250)
  static let c = transaction("c", card: "c1", terminal: "t2", device: "d1")

  static func value(_ state: PartitionState, _ home: UInt32, _ offset: UInt64, _ kind: EntityKind) -> [Double]? {
    state.accounts.kept(PartitionID(home), Offset(offset), EntitySlot(kind)).map { Array($0.values) }
  }

  @Test func `an intake waits with its card's features, and its decision reaches the retry`() {
    var log = Log()
    let base = log.takeIn([Self.a, Self.c])
    #expect(log.state.home.intake(base)?.pending?.row == [1] && log.state.home.intake(base + 1)?.pending?.row == [2])
    #expect(log.state.home.intake(base)?.owed == ExchangeRig.slots([.terminal, .device]) && log.state.dedup.count == 2)
    log.decide(base, Self.a, score: 0.5, owed: [.device])
    #expect(log.state.home.intake(base)?.isDecided == true && log.state.home.intake(base)?.owed == ExchangeRig.slots([.device]))
    let view = TransactionView(trusted: Self.a.span.bytes)
    let key = Fingerprint(id: view.id, card: view.keyHash)
    guard case .duplicate(let entry) = log.state.dedup.lookup(key, content: hash64(view.bytes, seed: 0)) else {
      Issue.record("the intake is not known")
      return
    }
    #expect(entry.decision.score == 0.5 && entry.decision.flags == .degraded && entry.offset == base.rawValue)
    log.append(.acknowledged) { AcknowledgedRecord(rows: [.init(offset: base, slots: ExchangeRig.slots([.device]))]).write(to: &$0) }
    #expect(log.state.home.intake(base) == nil && log.state.home.count == 1)
  }

  @Test func `contributions move their entities' histories, and the replies are the features just behind them`() {
    var log = Log()
    log.contribute(7, [(3, Self.a), (4, Self.b)])
    log.contribute(8, [(3, Self.c)])
    #expect(Self.value(log.state, 7, 3, .terminal) == [1, 100] && Self.value(log.state, 7, 4, .terminal) == [2, 350])
    #expect(Self.value(log.state, 7, 4, .device) == [2] && Self.value(log.state, 8, 3, .device) == [2])
    #expect(Self.value(log.state, 8, 3, .terminal) == [1, 100])
    #expect(log.state.foreign[.terminal]?.table.count == 2 && log.state.foreign[.device]?.table.count == 1)
    log.append(.forgotten) { ForgottenRecord(map: MapVersion(4), homes: [PartitionID(7)]).write(to: &$0) }
    #expect(log.state.accounts.homes == [PartitionID(8)] && log.state.accounts.forgottenAt == MapVersion(4))
  }

  @Test func `where the contribution's bundle declares other features than are kept, it counts, and has no values (X6)`() {
    var log = Log()
    log.contribute(7, [(3, Self.a)], bundle: BundleID(high: 2, low: 2))
    #expect(Self.value(log.state, 7, 3, .terminal) == [] && log.state.foreign[.terminal]?.table.count == 1)
    // A bundle without the device's features leaves its history where it is.
    log.activate(Self.bundle(2, device: false))
    log.contribute(7, [(5, Self.b)], bundle: BundleID(high: 2, low: 2))
    #expect(Self.value(log.state, 7, 5, .terminal) == [2, 350] && Self.value(log.state, 7, 5, .device) == [])
    #expect(log.state.foreign[.device]?.table.count == 1)
  }

  @Test func `bundles stand side by side from the preparation until the next but one (X6)`() throws {
    let (one, two, three) = (BundleID(high: 1, low: 1), BundleID(high: 2, low: 2), BundleID(high: 3, low: 3))
    var log = Log()
    log.contribute(7, [(1, Self.a)], bundle: one)
    log.prepare(Self.otherBundle(2))
    log.contribute(7, [(2, Self.b)], bundle: two)
    log.contribute(7, [(3, Self.a)], bundle: one)
    #expect(Self.value(log.state, 7, 2, .terminal) == [250, 2] && Self.value(log.state, 7, 2, .device) == [])
    #expect(Self.value(log.state, 7, 3, .terminal) == [3, 450] && Self.value(log.state, 7, 3, .device) == [2])

    // So it comes back from a snapshot, and so a child takes it over.
    let (_, file) = try SnapshotFormatTests.write(log.state, log.table, pieceBytes: 100)
    let restored = try SnapshotFormatTests.restore(file, log.bundles).state
    #expect(restored.digest() == log.state.digest())
    let child = PartitionState.merged(KeyRange.tiles(2).map { log.state.part($0) })
    let from = log.records.count
    log.activate(Self.otherBundle(2))
    log.contribute(7, [(4, Self.a)], bundle: one)
    #expect(Self.value(log.state, 7, 4, .terminal) == [4, 550])
    log.prepare(Self.bundle(3, device: false))
    log.contribute(7, [(5, Self.a)], bundle: one)
    log.activate(Self.bundle(3, device: false))
    log.contribute(7, [(6, Self.a)], bundle: two)
    log.contribute(7, [(7, Self.a)], bundle: three)
    log.contribute(7, [(8, Self.a)], bundle: one)
    #expect(Self.value(log.state, 7, 5, .terminal) == [5, 650] && Self.value(log.state, 7, 6, .terminal) == [250, 6])
    #expect(Self.value(log.state, 7, 7, .terminal) == [7, 850] && Self.value(log.state, 7, 8, .terminal) == [])
    for (header, bytes) in log.records[from...] {
      try bytes.withUnsafeBytes { try restored.apply(header, $0) { log.find($0) } }
    }
    #expect(restored.digest() == log.state.digest())
    child.applied = log.records[from].0.baseOffset
    for (header, bytes) in log.records[from...] {
      try bytes.withUnsafeBytes { try child.apply(header, $0) { log.find($0) } }
    }
    #expect(Self.value(child, 7, 4, .terminal) == [4, 550] && Self.value(child, 7, 6, .terminal) == [250, 6])
    #expect(Self.value(child, 7, 8, .terminal) == [])
  }

  @Test func `a large exchange stands in several blocks of a snapshot`() throws {
    var log = Log()
    for number in 0..<60 {
      let bytes = Self.transaction("x\(number)", card: "c\(number)", terminal: "t\(number % 7)", device: "d\(number)")
      _ = log.takeIn([bytes])
      for home in 0..<3 { log.contribute(UInt32(7 + home), [(UInt64(number), bytes)]) }
    }
    log.append(.forgotten) { ForgottenRecord(map: MapVersion(4), homes: [PartitionID(8)]).write(to: &$0) }
    for aim in [100, 1_000, 1 << 20] {
      let (_, file) = try SnapshotFormatTests.write(log.state, log.table, pieceBytes: 100, exchangeAim: aim)
      let kinds = try SnapshotReader(size: file.count, load: SnapshotFormatTests.load(file)).manifest.items.map(\.block.kind)
      #expect(kinds.filter { $0 == .exchange }.count == 1)
      #expect((kinds.filter { $0 == .exchangeGoesOn }.count > 2) == (aim < 1 << 20))
      #expect(try SnapshotFormatTests.restore(file, log.bundles).state.digest() == log.state.digest())
    }
  }

  static func busy() -> Log {
    var log = Log()
    let base = log.takeIn([a, c])
    log.decide(base, a, score: 0.5, owed: [.device])
    for number in 0..<20 {
      let bytes = transaction("x\(number)", card: "c\(number % 5)", terminal: "t\(number % 7)", device: "d\(number % 3)")
      log.contribute(7, [(UInt64(number), bytes)], settled: UInt64(max(0, number - 6)))
    }
    return log
  }

  @Test func `a snapshot has all of it, and what comes behind makes the same of both`() throws {
    var log = Self.busy()
    let digest = log.state.digest()
    let (header, file) = try SnapshotFormatTests.write(log.state, log.table, pieceBytes: 100)
    #expect(header.stateDigest == digest && header.entities == 1 + 7 + 3)
    let restored = try SnapshotFormatTests.restore(file, log.bundles).state
    #expect(restored.digest() == digest && restored.home.count == 2 && restored.accounts.keptCount == log.state.accounts.keptCount)
    let from = log.records.count
    log.contribute(7, [(21, Self.b)], settled: 20)
    log.decide(Offset(3), Self.c, score: 0.25, owed: [])
    for (header, bytes) in log.records[from...] {
      try bytes.withUnsafeBytes { try restored.apply(header, $0) { log.find($0) } }
    }
    #expect(restored.digest() == log.state.digest())
  }

  @Test func `a log is replayed to the same state, and decides nothing that is not open`() throws {
    var log = Self.busy()
    log.append(.checkpoint) { _ in }
    let recovered = try ShardRig.recover(log.records, log.bundles)
    // The last record's commit is in no later one.
    let last = log.records.removeLast()
    #expect(recovered.state.applied == last.0.baseOffset && recovered.lastDecidedEnd == Offset(5))
    let twice = log.records.first { $0.0.kind == .decidedLater }!
    var header = twice.0
    header.baseOffset = recovered.state.applied
    #expect(throws: ApplyError.self) {
      try twice.1.withUnsafeBytes { try recovered.state.apply(header, $0) { log.find($0) } }
    }
  }

  @Test func `a split's children have the histories and accounts of their keys, and together what there was (R12)`() throws {
    let log = Self.busy()
    let parts = KeyRange.tiles(2).map { log.state.part($0) }
    #expect(parts.allSatisfy { $0.accounts.settled(PartitionID(7)) == log.state.accounts.settled(PartitionID(7)) })
    #expect(parts.reduce(0) { $0 + $1.foreign.count } == 10 && parts.allSatisfy { $0.foreign.count > 0 })
    #expect(parts.reduce(0) { $0 + $1.accounts.keptCount } == log.state.accounts.keptCount)
    let merged = PartitionState.merged(parts)
    #expect(merged.foreign.digests() == log.state.foreign.digests() && merged.accounts.digest() == log.state.accounts.digest())
  }

  @Test func `after a forced election what was undecided is new, and what was decided is known (R6)`() throws {
    let log = Self.busy()
    let forced = try log.state.forcedPart(ExchangeRig.everything, applying: [HeldRecord]()) { log.find($0) }
    #expect(forced.home.isEmpty && forced.dedup.count == 1 && forced.foreign.count == 10)
    func isKnown(_ bytes: [UInt8]) -> Bool {
      let view = TransactionView(trusted: bytes.span.bytes)
      return forced.dedup.lookup(Fingerprint(id: view.id, card: view.keyHash), content: hash64(view.bytes, seed: 0)) != .new
    }
    #expect(isKnown(Self.a) && !isKnown(Self.c))
  }

  @Test func `a forced copy that applies what had not committed keeps no offset of the old log (R6)`() throws {
    let log = Self.busy()
    // Everything from the late decision on had not committed: decisions and contributions.
    let cut = try #require(log.records.firstIndex { $0.0.kind == .decidedLater })
    let state = PartitionState(dedupHorizon: ShardRig.horizon)
    for (header, bytes) in log.records[..<cut] { try bytes.withUnsafeBytes { try state.apply(header, $0) { log.find($0) } } }
    let held = log.records[cut...].map { header, bytes in
      HeldRecord(chunk: RecordChunk(records: bytes), range: 0..<bytes.count, header: header)
    }
    let forced = try state.forcedPart(ExchangeRig.everything, applying: held) { log.find($0) }
    #expect(forced.decidedEnd == .zero, "its first snapshot could be fed to nobody")
    let kept = forced.accounts.accounts.values.flatMap(\.kept)
    #expect(!kept.isEmpty && kept.allSatisfy { $0.end == .zero }, "replies would wait for an offset of another log")
    #expect(forced.accounts.digest() == log.state.accounts.digest())
  }
}
