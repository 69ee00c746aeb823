import Testing
import Wire

@testable import Client

/// The cursor must agree with the message that it reads.
@Suite struct DecisionsReaderTests {
  private static func random(_ generator: inout JitterGenerator) -> Decisions {
    var all = Decisions()
    let withFeatures = Bool.random(using: &generator)
    for bundle in 0..<Int.random(in: 1...3, using: &generator) {
      all.bundles.append(
        Decisions.BundleNames(
          id: BundleID(high: 9, low: UInt64(bundle)), reasons: ["A", "B\(bundle)"], features: withFeatures ? ["x", "y", "z"] : []))
    }
    for _ in 0..<Int.random(in: 0...20, using: &generator) {
      let status = Decisions.Outcome.Status(rawValue: UInt8.random(in: 0...5, using: &generator))!
      var outcome = Decisions.Outcome(status: status)
      switch status {
      case .decided, .duplicate:
        outcome.partition = PartitionID(UInt32.random(in: 0...99, using: &generator))
        outcome.offset = Offset(generator.next())
        outcome.bundle = UInt8.random(in: 0..<UInt8(all.bundles.count), using: &generator)
        outcome.decision = Decision(
          score: 0.25, action: .review, verdict: .potentialFraud, flags: [.late], reasons: SIMD4(1, 0, .max, .max))
        outcome.listVersion = Bool.random(using: &generator) ? 0 : generator.next() | 1
        outcome.features = withFeatures ? [1, -2.5, .infinity] : []
      case .rejected: outcome.rejection = Rejection(.tooLarge, field: "f", "why")
      case .retry: outcome.failure = .fenced
      case .applied, .alreadyApplied:
        outcome.partition = PartitionID(UInt32.random(in: 0...99, using: &generator))
        outcome.offset = Offset(generator.next())
      }
      all.outcomes.append(outcome)
    }
    return all
  }

  private static func bytes(_ message: Decisions) -> [UInt8] {
    var out = WireWriter()
    message.write(to: &out)
    return out.bytes
  }

  /// What the cursor makes of the bytes, as the message.
  private static func read(_ bytes: [UInt8], reusing tables: DecisionsTables? = nil) throws(WireError) -> (Decisions, DecisionsTables) {
    var reader = try DecisionsReader(bytes.span.bytes, reusing: tables)
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
        outcome.features.append(Double(bitPattern: row.features.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self)))
      }
      all.outcomes.append(outcome)
    }
    let used = reader.tables
    try reader.finish()
    return (all, used)
  }

  @Test(arguments: 1...50) func theCursorReadsWhatTheMessageSays(seed: UInt64) throws {
    var generator = JitterGenerator(seed: seed)
    let message = Self.random(&generator)
    let bytes = Self.bytes(message)
    let (read, tables) = try Self.read(bytes)
    #expect(read == message, "seed \(seed)")
    #expect(try Self.read(bytes, reusing: tables).1 === tables, "the same table is not read again")
    var other = message
    other.bundles[0].reasons[0] = "C"
    let (reread, fresh) = try Self.read(Self.bytes(other), reusing: tables)
    #expect(reread == other && fresh !== tables, "another table is")
  }

  @Test(arguments: 1...20) func damagedBytesAreRefusedWhereTheMessageRefusesThem(seed: UInt64) {
    var generator = JitterGenerator(seed: seed)
    let whole = Self.bytes(Self.random(&generator))
    for cut in 0..<whole.count {
      let bytes = Array(whole[..<cut])
      #expect(throws: WireError.self, "seed \(seed), cut at \(cut)") { try Self.read(bytes) }
    }
    #expect(throws: WireError.self) { try Self.read(whole + [0]) }
    for _ in 0..<500 {
      var bytes = whole
      bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      // Whatever the cursor takes, the message takes too, as the same.
      if let (read, _) = try? Self.read(bytes) {
        let message = try? Decisions(reading: bytes.span.bytes)
        #expect(message.map(Self.bytes) == Self.bytes(read), "seed \(seed)")
      }
    }
  }
}
