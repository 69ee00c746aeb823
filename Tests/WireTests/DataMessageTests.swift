import Testing

@testable import Wire

@Suite struct DataMessageTests {
  static let submit = Submit(
    firstSent: 1_767_571_200_000, deadlineMilliseconds: 250, flags: [.withFeatures, .interactive], rowCount: 2)

  static func submitBytes() -> [UInt8] {
    let rows = TransactionSamples.bytes() + TransactionSamples.bytes { $0.id = Array("tx-2".utf8) }
    var out = WireWriter()
    submit.write(rows: rows.span.bytes, to: &out)
    return out.bytes
  }

  static let decisions: Decisions = {
    var all = Decisions()
    all.bundles = [
      .init(id: BundleID(high: 0xB0, low: 0xB1), reasons: ["BURST", "AMOUNT"], features: ["amount", "count_1h"]),
      .init(id: BundleID(high: 0xC0, low: 0xC1), reasons: [], features: []),
    ]
    var decided = Decisions.Outcome(status: .decided)
    decided.partition = PartitionID(3)
    decided.offset = Offset(77)
    decided.decision = Decision(
      score: 0.875, action: .decline, verdict: .potentialFraud, flags: [.warming, .late],
      reasons: SIMD4(1, 0, Decision.noReason, Decision.noReason))
    decided.features = [123.45, -0.0]
    var duplicate = Decisions.Outcome(status: .duplicate)
    duplicate.partition = PartitionID(4)
    duplicate.offset = Offset(5)
    duplicate.bundle = 1
    var rejected = Decisions.Outcome(status: .rejected)
    rejected.rejection = Rejection(.negativeAmount, field: "amount", "it is below 0")
    var retry = Decisions.Outcome(status: .retry)
    retry.failure = .notPrimary
    all.outcomes = [decided, duplicate, rejected, retry]
    return all
  }()

  static let quarantine = Quarantine(records: [
    .init(rejection: Rejection(.malformed, "no JSON"), source: "submit:file.ndjson:17", excerpt: [0x7B, 0xFF]),
    .init(rejection: Rejection(.missingField, field: "card", "it is required"), source: "http", excerpt: []),
  ])

  static func encoded(_ write: (inout WireWriter) -> Void) -> [UInt8] {
    var out = WireWriter()
    write(&out)
    return out.bytes
  }

  /// Every shorter message and one longer by a byte are refused.
  static func expectExact(_ bytes: [UInt8], _ read: ([UInt8]) throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) {
    for length in 0...bytes.count + 1 where length != bytes.count {
      #expect(throws: WireError.self, "length \(length) of \(bytes.count)", sourceLocation: sourceLocation) {
        try read(length < bytes.count ? Array(bytes[..<length]) : bytes + [0])
      }
    }
    #expect(throws: Never.self, sourceLocation: sourceLocation) { try read(bytes) }
  }

  @Test func `a submit has its golden bytes and is taken only whole`() throws {
    Golden.check("submit", Self.submitBytes())
    let bytes = Golden.read("submit")
    let read = try Submit(reading: bytes.span.bytes)
    #expect(read == Self.submit)
    Self.expectExact(bytes) { bytes in
      var rows: [Range<Int>] = []
      try Submit(reading: bytes.span.bytes).locateRows(in: bytes.span.bytes, into: &rows)
      let length = TransactionSamples.bytes().count
      #expect(rows == [16..<16 + length, 16 + length..<16 + 2 * length])
    }
  }

  @Test func `a submit of labels has its golden bytes, and a label behind each row`() throws {
    let labels = [Label(.fraud), Label(.legitimate, version: 0x0203)]
    let rows = zip(["tx-1", "tx-2"], labels).flatMap { id, label in
      var row = TransactionSamples.bytes { $0.id = Array(id.utf8) }
      label.append(to: &row)
      return row
    }
    let header = Submit(firstSent: 1_767_571_200_000, deadlineMilliseconds: 250, flags: .labels, rowCount: 2)
    Golden.check("submit-labels", Self.encoded { header.write(rows: rows.span.bytes, to: &$0) })
    Self.expectExact(Golden.read("submit-labels")) { bytes in
      var ranges: [Range<Int>] = []
      let read = try Submit(reading: bytes.span.bytes)
      try read.locateRows(in: bytes.span.bytes, into: &ranges)
      #expect(read == header && ranges.map { Label(of: bytes.span.bytes.extracting($0)) } == labels)
      let record = Label.record(of: bytes.span.bytes.extracting(ranges[1]))
      #expect(record.byteCount == TransactionView(trusted: record).length)
    }
    #expect(Label(of: [9, 9, 1, 0, 0].span.bytes) == nil && Label(of: [9, 9, 0, 1, 0].span.bytes) == nil)
  }

  @Test func `the answer to labels has its golden bytes and is taken only whole`() throws {
    var answer = Decisions()
    for (status, offset) in [(Decisions.Outcome.Status.applied, UInt64(77)), (.alreadyApplied, 0)] {
      var outcome = Decisions.Outcome(status: status)
      outcome.partition = PartitionID(3)
      outcome.offset = Offset(offset)
      answer.outcomes.append(outcome)
    }
    Golden.check("decisions-labels", Self.encoded { answer.write(to: &$0) })
    Self.expectExact(Golden.read("decisions-labels")) { bytes in
      let read = try Decisions(reading: bytes.span.bytes)
      #expect(read == answer)
      var reader = try DecisionsReader(bytes.span.bytes)
      for outcome in answer.outcomes {
        let row = try reader.next()
        #expect(row.status == outcome.status && row.partition == outcome.partition && row.offset == outcome.offset)
      }
      try reader.finish()
    }
  }

  @Test func `a submit of no rows, too many rows, unknown flags or a row of a wrong length is refused`() {
    let bytes = Self.submitBytes()
    func read(_ at: Int, _ values: [UInt8]) throws {
      var changed = bytes
      changed.replaceSubrange(at..<at + values.count, with: values)
      var rows: [Range<Int>] = []
      try Submit(reading: changed.span.bytes).locateRows(in: changed.span.bytes, into: &rows)
    }
    for (at, values) in [(14, [0, 0]), (14, [0x11, 0x27]), (12, [8]), (13, [1]), (16, [35, 0]), (16, [1, 0x40])] as [(Int, [UInt8])] {
      #expect(throws: WireError.self, "\(values) at \(at)") { try read(at, values) }
    }
  }

  @Test func `decisions have their golden bytes and are taken only whole`() throws {
    Golden.check("decisions", Self.encoded { Self.decisions.write(to: &$0) })
    let bytes = Golden.read("decisions")
    Self.expectExact(bytes) { bytes in
      let read = try Decisions(reading: bytes.span.bytes)
      #expect(read == Self.decisions)
    }
  }

  @Test func `decisions under hot items have their golden bytes, and are what they were for who does not read list versions`() throws {
    var listed = Self.decisions
    listed.outcomes[0].listVersion = 12
    listed.outcomes[1].listVersion = 1 << 40
    Golden.check("decisions-lists", Self.encoded { listed.write(to: &$0) })
    let bytes = Golden.read("decisions-lists")
    Self.expectExact(bytes) { bytes in
      let read = try Decisions(reading: bytes.span.bytes)
      #expect(read == listed)
    }
    Self.expectExact(bytes) { bytes in
      let read = try Self.rows(bytes).0
      #expect(read == listed)
    }
    #expect(Self.encoded { listed.write(withListVersions: false, to: &$0) } == Golden.read("decisions"))
    // A version of 0 is no version, and rows that are not decided have none.
    var one = listed
    one.outcomes = [listed.outcomes[0]]
    let row = Self.encoded { one.write(to: &$0) }
    let version = row.count - 24
    #expect(row[version] == 12)
    for (place, value) in [(version, 0), (version - 32, 0x12), (version - 32, 0x13), (version - 32, 0x14)] as [(Int, UInt8)] {
      var bad = row
      bad[place] = value
      #expect(throws: WireError.self, "\(value) at \(place)") { _ = try Decisions(reading: bad.span.bytes) }
      #expect(throws: WireError.self, "\(value) at \(place)") { _ = try Self.rows(bad) }
    }
  }

  /// Reads all rows by the borrowing reader, as a value.
  static func rows(_ bytes: [UInt8], reusing known: DecisionsTables? = nil) throws -> (Decisions, DecisionsTables) {
    var reader = try DecisionsReader(bytes.span.bytes, reusing: known)
    var all = Decisions()
    all.bundles = reader.tables.bundles
    for _ in 0..<reader.rowCount {
      let row = try reader.next()
      var outcome = Decisions.Outcome(status: row.status)
      outcome.partition = row.partition
      outcome.offset = row.offset
      outcome.decision = row.decision
      outcome.bundle = UInt8(row.bundle)
      outcome.listVersion = row.listVersion
      outcome.rejection = row.rejection
      outcome.failure = row.failure
      for at in stride(from: 0, to: row.features.byteCount, by: 8) {
        outcome.features.append(Double(bitPattern: row.features.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian))
      }
      all.outcomes.append(outcome)
    }
    let tables = reader.tables
    try reader.finish()
    return (all, tables)
  }

  @Test func `the reader that borrows says what the reader that copies says, and reuses a table only where it stands`() throws {
    let bytes = Self.encoded { Self.decisions.write(to: &$0) }
    let (all, tables) = try Self.rows(bytes)
    #expect(all == Self.decisions)
    let (again, reused) = try Self.rows(bytes, reusing: tables)
    #expect(again == Self.decisions && reused === tables)
    var other = Self.decisions
    other.bundles[0].reasons[1] = "OTHER!"
    let (changed, fresh) = try Self.rows(Self.encoded { other.write(to: &$0) }, reusing: tables)
    #expect(changed == other && fresh !== tables)
    Self.expectExact(bytes) { _ = try Self.rows($0, reusing: tables) }
    Self.expectExact(bytes) { _ = try Self.rows($0) }
  }

  @Test func `no change of a byte makes a reader of decisions trap, and both take and refuse the same`() {
    var listed = Self.decisions
    listed.outcomes[1].listVersion = 9
    let bytes = Self.encoded { listed.write(to: &$0) }
    for position in bytes.indices {
      for value in [0, 1, 2, 3, 4, 0x10, 0x11, 0x12, 0x7F, 0xFF] as [UInt8] {
        var changed = bytes
        changed[position] = value
        let whole = try? Decisions(reading: changed.span.bytes)
        let rows = try? Self.rows(changed).0
        // The borrowing reader also refuses a row that does not carry all features that the table names.
        if let rows { #expect(whole == rows || whole.map { "\($0)" } == "\(rows)", "\(value) at \(position)") }
        if let whole, rows == nil {
          #expect(
            whole.outcomes.contains { !$0.features.isEmpty && $0.features.count != whole.bundles[Int($0.bundle)].features.count },
            "\(value) at \(position)")
        }
      }
    }
  }

  @Test func `a quarantine and its answer have their golden bytes and are taken only whole`() {
    Golden.check("quarantine", Self.encoded { Self.quarantine.write(to: &$0) })
    Golden.check("quarantined", Self.encoded { Quarantined(count: 2).write(to: &$0) })
    Self.expectExact(Golden.read("quarantine")) { bytes in
      let read = try Quarantine(reading: bytes.span.bytes)
      #expect(read == Self.quarantine)
    }
    Self.expectExact(Golden.read("quarantined")) { bytes in
      let read = try Quarantined(reading: bytes.span.bytes)
      #expect(read.count == 2)
    }
  }

  @Test func `a quarantine over its bounds is refused before it is read`() {
    let many = Self.encoded { $0.write(UInt32(Quarantine.recordsMax + 1)) } + [UInt8](repeating: 0, count: 20_000)
    #expect(throws: WireError.overLimit(at: 0, 1_001, limit: 1_000)) { _ = try Quarantine(reading: many.span.bytes) }
    let long = Quarantine(records: [.init(rejection: Rejection(.malformed, ""), source: "", excerpt: [UInt8](repeating: 0, count: 1_025))])
    let bytes = Self.encoded { long.write(to: &$0) }
    #expect(throws: WireError.self) { _ = try Quarantine(reading: bytes.span.bytes) }
  }
}
