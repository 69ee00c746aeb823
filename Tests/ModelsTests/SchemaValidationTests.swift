import Testing
import Wire

@testable import Models

@Suite("Schema: an untrusted record is proven or refused with its reason")
struct SchemaValidationTests {
  static let now: Int64 = 1_800_000_000_000

  static func sound() -> TransactionBuilder {
    var builder = TransactionBuilder()
    builder.eventTime = now
    builder.amount = 1999
    builder.currency = .euro
    builder.country = Country("FR")!
    builder.mcc = 5411
    builder.channel = .pos
    builder.entryMode = .chip
    builder.id = Array("tx-1".utf8)
    builder.card = Array("card-1".utf8)
    builder.merchant = Array("Café Zoë".utf8)
    builder.ip = [192, 0, 2, 1]
    return builder
  }

  static func check(
    _ builder: TransactionBuilder, schema: Schema = .standard, damage: (inout [UInt8]) -> Void = { _ in }
  )
    -> Rejection?
  {
    var bytes: [UInt8] = []
    builder.append(to: &bytes)
    damage(&bytes)
    return schema.validate(bytes.span.bytes, now: now)
  }

  @Test func aSoundRecordPasses() { #expect(Self.check(Self.sound()) == nil) }

  @Test func theLeastAndTheMostPass() {
    var builder = TransactionBuilder()
    builder.eventTime = Schema.eventTimeMin
    builder.currency = .usDollar
    builder.id = [65]
    builder.card = [66]
    #expect(Self.check(builder) == nil)
    builder.eventTime = Self.now + 300_000
    builder.amount = Schema.amountMax
    builder.id = Array(repeating: 65, count: 128)
    builder.device = Array(repeating: 66, count: 128)
    builder.ip = Array(repeating: 1, count: 16)
    builder.mcc = 9999
    #expect(Self.check(builder) == nil)
  }

  struct Fault: CustomTestStringConvertible {
    let name: String
    let reason: RejectReason
    var field = ""
    var change: @Sendable (inout TransactionBuilder) -> Void = { _ in }
    var damage: @Sendable (inout [UInt8]) -> Void = { _ in }
    var testDescription: String { name }
  }

  @Test(arguments: [
    Fault(name: "no bytes", reason: .malformed, damage: { $0 = [] }),
    Fault(name: "shorter than the fixed part", reason: .malformed, damage: { $0.removeLast($0.count - 35) }),
    Fault(name: "one byte more", reason: .malformed, damage: { $0.append(0) }),
    Fault(name: "one byte less", reason: .malformed, damage: { $0.removeLast() }),
    Fault(name: "another version", reason: .malformed, damage: { $0[2] = 2 }),
    Fault(name: "reserved byte", reason: .malformed, damage: { $0[35] = 1 }),
    Fault(name: "lengths beyond the record", reason: .malformed, damage: { $0[28] = 127 }),
    Fault(name: "a token too long", reason: .tooLarge, field: "merchant", damage: { $0[31] = 129 }),
    Fault(name: "an address of 5 bytes", reason: .malformed, field: "ip", damage: { $0[5] = 5 }),
    Fault(name: "left-over bytes", reason: .malformed, damage: { $0[31] -= 2 }),
    Fault(name: "extras that aren't there", reason: .malformed, damage: { $0[34] = 1 }),
    Fault(name: "too large", reason: .tooLarge, damage: { $0 = Array(repeating: 0, count: 16_385) }),
    Fault(name: "no id", reason: .missingField, field: "id", change: { $0.id = [] }),
    Fault(name: "no card", reason: .missingField, field: "card", change: { $0.card = [] }),
    Fault(name: "below zero", reason: .negativeAmount, field: "amount", change: { $0.amount = -1 }),
    Fault(name: "least amount", reason: .negativeAmount, field: "amount", change: { $0.amount = .min }),
    Fault(
      name: "amount too high", reason: .amountOverflow, field: "amount", change: { $0.amount = Schema.amountMax + 1 }),
    Fault(
      name: "currency", reason: .unknownCurrency, field: "currency", change: { $0.currency = Currency(numeric: 1) }),
    Fault(
      name: "currency far out", reason: .unknownCurrency, field: "currency",
      change: { $0.currency = Currency(numeric: 65_535) }),
    Fault(name: "mcc", reason: .valueOutOfRange, field: "mcc", change: { $0.mcc = 10_000 }),
    Fault(name: "country", reason: .valueOutOfRange, field: "country", change: { $0.country = Country(code: 0x6166) }),
    Fault(
      name: "half a country", reason: .valueOutOfRange, field: "country", change: { $0.country = Country(code: 65) }),
    Fault(name: "channel", reason: .valueOutOfRange, field: "channel", damage: { $0[3] = 7 }),
    Fault(name: "entry mode", reason: .valueOutOfRange, field: "entry_mode", damage: { $0[4] = 7 }),
    Fault(name: "future", reason: .timeInFuture, field: "event_time", change: { $0.eventTime = now + 300_001 }),
    Fault(name: "seconds", reason: .timeOutOfRange, field: "event_time", change: { $0.eventTime = now / 1000 }),
    Fault(name: "microseconds", reason: .timeOutOfRange, field: "event_time", change: { $0.eventTime = now * 1000 }),
    Fault(name: "least time", reason: .timeOutOfRange, field: "event_time", change: { $0.eventTime = .min }),
    Fault(name: "not UTF-8", reason: .invalidUTF8, field: "merchant", change: { $0.merchant = [0x41, 0xFF] }),
    Fault(
      name: "a character split between two fields", reason: .invalidUTF8, field: "card",
      change: {
        $0.card = [0x41, 0xC3]
        $0.customer = [0xA9]
      }),
  ])
  func eachFaultHasItsReason(_ fault: Fault) {
    var builder = Self.sound()
    fault.change(&builder)
    let rejection = Self.check(builder, damage: fault.damage)
    #expect(rejection?.reason == fault.reason)
    #expect(rejection?.field == fault.field)
  }

  @Test func limitsOfTheSchemaHold() throws {
    let schema = try Schema.parse(
      yaml: "version: 1\nlimits: {oldest_event_age: 1h, future_tolerance: 0s}\ncurrencies: USD")
    var builder = Self.sound()
    #expect(Self.check(builder, schema: schema)?.detail == "the schema does not allow EUR")
    builder.currency = .usDollar
    #expect(Self.check(builder, schema: schema) == nil)
    builder.eventTime = Self.now + 1
    #expect(Self.check(builder, schema: schema)?.reason == .timeInFuture)
    builder.eventTime = Self.now - 3_600_000
    #expect(Self.check(builder, schema: schema) == nil)
    builder.eventTime -= 1
    #expect(Self.check(builder, schema: schema)?.reason == .timeOutOfRange)
  }

  static let extras = Schema(fields: [
    Schema.Field(name: "score", kind: .number), Schema.Field(name: "items", kind: .integer, isRequired: true),
    Schema.Field(name: "member", kind: .flag), Schema.Field(name: "note", kind: .text),
  ])

  static func withExtras(_ values: [(UInt8, ExtraField.Value)]) -> TransactionBuilder {
    var builder = sound()
    for (index, value) in values { builder.addExtra(index, value) }
    return builder
  }

  @Test func declaredExtraFieldsPass() {
    #expect(Self.check(Self.withExtras([(1, .integer(3))]), schema: Self.extras) == nil)
    let all: [(UInt8, ExtraField.Value)] = [
      (0, .number(0.5)), (1, .integer(-3)), (2, .flag(true)), (3, .text("größer")),
    ]
    #expect(Self.check(Self.withExtras(all), schema: Self.extras) == nil)
  }

  @Test func extraFieldsAgainstTheDeclarationAreRefused() {
    func reason(_ values: [(UInt8, ExtraField.Value)], damage: (inout [UInt8]) -> Void = { _ in }) -> RejectReason? {
      Self.check(Self.withExtras(values), schema: Self.extras, damage: damage)?.reason
    }
    #expect(reason([]) == .missingField)
    #expect(reason([(0, .number(1))]) == .missingField)
    #expect(reason([(1, .number(1))]) == .illTypedField)
    #expect(reason([(1, .integer(1)), (4, .flag(true))]) == .unknownField)
    #expect(reason([(1, .integer(1)), (1, .integer(1))]) == .malformed)
    #expect(reason([(1, .integer(1)), (0, .number(1))]) == .malformed)
    #expect(reason([(0, .number(.nan)), (1, .integer(1))]) == .valueOutOfRange)
    #expect(reason([(1, .integer(1)), (2, .flag(true))]) { $0[$0.count - 1] = 2 } == .malformed)
    #expect(reason([(1, .integer(1)), (3, .text("a"))]) { $0[$0.count - 1] = 0xFF } == .invalidUTF8)
    #expect(reason([(1, .integer(1)), (3, .text("a"))]) { $0[$0.count - 2] = 9 } == .malformed)
    #expect(reason([(1, .integer(1))]) { $0[34] = 2 } == .malformed)
  }

  /// Whatever validation lets through, the views read without leaving the record.
  @Test func damagedRecordsNeverPassAsUnreadable() throws {
    var random = SplitMix64(seed: 11)
    var whole: [UInt8] = []
    Self.withExtras([(0, .number(0.5)), (1, .integer(-3)), (2, .flag(true)), (3, .text("note"))]).append(to: &whole)
    var passed = 0
    for _ in 0..<20_000 {
      var bytes = whole
      for _ in 0...random.below(3) { bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next()) }
      if random.below(4) == 0 { bytes.removeLast(random.below(bytes.count)) }
      guard Self.extras.validate(bytes.span.bytes, now: Self.now) == nil else { continue }
      passed += 1
      let view = TransactionView(trusted: bytes.span.bytes)
      #expect(view.card.byteCount > 0 && view.length == bytes.count)
      var fields = 0
      try ExtraField.forEach(in: view.extras, count: view.extraCount) { (_, _) throws(WireError) in fields += 1 }
      #expect(fields == view.extraCount)
    }
    #expect(passed > 100)
  }
}
