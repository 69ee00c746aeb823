import Testing
import Wire

@testable import Worker

/// Payloads of the exchange's log records, and the bytes of its state in a snapshot.
@Suite struct ExchangeRecordTests {
  static func encoded(_ write: (inout WireWriter) -> Void) -> [UInt8] {
    var out = WireWriter()
    write(&out)
    return out.bytes
  }

  /// Only the whole is taken: no part of it, and nothing more.
  static func expectExact(_ bytes: [UInt8], _ read: (RawSpan) throws -> Void) {
    func isRefused(_ bytes: [UInt8]) -> Bool { (try? read(bytes.span.bytes)) == nil }
    #expect(!isRefused(bytes))
    #expect(isRefused(bytes + [0]))
    for length in 0..<bytes.count { #expect(isRefused(Array(bytes[..<length])), "length \(length)") }
  }

  static let record = ContributionsRecord(
    home: PartitionID(3), settled: Offset(40), map: MapVersion(12), range: ExchangeRig.everything, bundle: BundleID(high: 5, low: 6),
    items: [ExchangeRig.item(41, "a", [.terminal, .device]), ExchangeRig.item(44, "b", [.device])])

  @Test func `contributions have their golden bytes and are taken only whole`() throws {
    let bytes = Self.encoded { Self.record.write(to: &$0) }
    try expectGolden("log-contributions-1", bytes)
    Self.expectExact(bytes) { payload in
      let read = try ContributionsRecord.readAll(payload)
      #expect(read == [Self.record])
    }
  }

  @Test func `contributions of several homes stand in one entry, one behind the other`() throws {
    var other = Self.record
    other.home = PartitionID(9)
    other.items = [ExchangeRig.item(7, "c", [.terminal])]
    var settled = Self.record
    settled.home = PartitionID(4)
    settled.items = []
    let bytes = Self.encoded { for record in [Self.record, other, settled] { record.write(to: &$0) } }
    try expectGolden("log-contributions-2", bytes)
    let sizes = [Self.record, other, settled].map(\.encodedSize)
    #expect(bytes.count == sizes.reduce(0, +))
    let read = try ContributionsRecord.readAll(bytes.span.bytes)
    #expect(read == [Self.record, other, settled])
    let ends = [sizes[0], sizes[0] + sizes[1], bytes.count]
    for length in 0...bytes.count {
      let part = Array(bytes[..<length])
      #expect(((try? ContributionsRecord.readAll(part.span.bytes)) != nil) == ends.contains(length), "length \(length)")
    }
  }

  @Test func `an intake has its golden bytes, and its rows come back from them`() throws {
    let transactions = [ExchangeRig.transaction("a"), ExchangeRig.transaction("b")]
    let slots: [EntitySlots] = [ExchangeRig.slots([.terminal, .device]), []]
    let bytes = Self.encoded { IntakeRecord.write(bundle: BundleID(high: 5, low: 6), transactions: transactions, slots: slots, to: &$0) }
    try expectGolden("log-intake-1", bytes)
    Self.expectExact(bytes) { payload in
      let read = try IntakeRecord(reading: payload, rowCount: 2)
      var ranges: [Range<Int>] = []
      try read.locateTransactions(into: &ranges)
      #expect(read.bundle == BundleID(high: 5, low: 6) && (0..<2).map { read.slots($0) } == slots)
      #expect(ranges.map { Array(bytes[$0]) } == transactions)
    }
    #expect((try? IntakeRecord(reading: bytes.span.bytes, rowCount: 3).rowCount) == nil)
  }

  @Test func `late decisions have their golden bytes, and their rows come back from them`() throws {
    let rows: [(offset: Offset, owed: EntitySlots)] = [(Offset(7), []), (Offset(9), ExchangeRig.slots([.device]))]
    let decided = try DecidedBatchTests.payload()
    let bytes = Self.encoded { LateDecisions.writePrefix(rows, to: &$0) } + decided
    #expect(LateDecisions.prefixSize(rowCount: 2) == bytes.count - decided.count)
    try expectGolden("log-decided-later-1", bytes)
    Self.expectExact(bytes) { payload in
      let read = try LateDecisions(reading: payload)
      #expect(read.rowCount == 2 && read.batch.decision(1)?.action == .approve)
      for (row, expected) in rows.enumerated() { #expect(read.offset(row) == expected.offset && read.owed(row) == expected.owed) }
    }
    let twice = Self.encoded { LateDecisions.writePrefix([rows[0], rows[0]], to: &$0) } + decided
    #expect((try? LateDecisions(reading: twice.span.bytes).rowCount) == nil)
  }

  @Test func `acknowledgements and forgettings have their golden bytes and are taken only whole`() throws {
    let acknowledged = AcknowledgedRecord(rows: [
      .init(offset: Offset(9), slots: ExchangeRig.slots([.device])), .init(offset: Offset(4), slots: ExchangeRig.slots([.ip, .merchant])),
    ])
    let forgotten = ForgottenRecord(map: MapVersion(30), homes: [PartitionID(2), PartitionID(9)])
    let (a, f) = (Self.encoded { acknowledged.write(to: &$0) }, Self.encoded { forgotten.write(to: &$0) })
    try expectGolden("log-acknowledged-1", a)
    try expectGolden("log-forgotten-1", f)
    Self.expectExact(a) { payload in
      let read = try AcknowledgedRecord(reading: payload)
      #expect(read == acknowledged)
    }
    Self.expectExact(f) { payload in
      let read = try ForgottenRecord(reading: payload)
      #expect(read == forgotten)
    }
  }

  @Test func `a home's open intakes have their golden bytes, and come back from them`() throws {
    var ledger = HomeLedger()
    ledger.take(ExchangeRig.intake(7, "a", [.terminal, .device]))
    ledger.take(ExchangeRig.intake(9, "b", [.device]))
    _ = ledger.decide(Offset(9), owed: ExchangeRig.slots([.device]))
    let bytes = Self.encoded { ledger.write(to: &$0) }
    try expectGolden("snapshot-home-1", bytes)
    Self.expectExact(bytes) { payload in
      var reader = WireReader(payload)
      let read = try HomeLedger(from: &reader)
      try reader.finish()
      #expect(Array(read.unfinished) == Array(ledger.unfinished) && read.digest() == ledger.digest() && read.bytes == ledger.bytes)
    }
  }

  @Test func `an entity partition's accounts have their golden bytes, and come back from them`() throws {
    var ledger = EntityLedger()
    ExchangeRig.apply(Self.record, to: &ledger)
    ledger.forget([], map: MapVersion(8))
    let bytes = Self.encoded { ledger.write(to: &$0) }
    try expectGolden("snapshot-accounts-1", bytes)
    Self.expectExact(bytes) { payload in
      var reader = WireReader(payload)
      let read = try EntityLedger(from: &reader)
      try reader.finish()
      #expect(read.digest() == ledger.digest() && read.keptCount == 3 && read.settled(PartitionID(3)) == Offset(40))
      #expect(read.forgottenAt == MapVersion(8))
    }
  }
}
