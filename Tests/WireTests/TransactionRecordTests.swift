import Testing

@testable import Wire

enum TransactionSamples {
  static func builder() -> TransactionBuilder {
    var builder = TransactionBuilder()
    builder.eventTime = 1_767_571_200_123
    builder.amount = 12_345
    builder.currency = .euro
    builder.country = Country("DE")!
    builder.mcc = 5_411
    builder.channel = .ecommerce
    builder.entryMode = .credentialOnFile
    builder.id = Array("tx-1".utf8)
    builder.card = Array("card-22".utf8)
    builder.customer = Array("customer".utf8)
    builder.merchant = Array("m3".utf8)
    builder.terminal = Array("t".utf8)
    builder.device = Array("device-5".utf8)
    builder.ip = [192, 0, 2, 7]
    builder.addExtra(0, .number(-0.5))
    builder.addExtra(2, .integer(-9))
    builder.addExtra(3, .flag(true))
    builder.addExtra(9, .text("Zürich"))
    return builder
  }

  static func bytes(_ change: (inout TransactionBuilder) -> Void = { _ in }) -> [UInt8] {
    var builder = builder()
    change(&builder)
    var out: [UInt8] = []
    builder.append(to: &out)
    return out
  }
}

@Suite struct TransactionRecordTests {
  @Test func `a record has its golden bytes, and every field comes back from them`() throws {
    Golden.check("transaction", TransactionSamples.bytes())
    let bytes = Golden.read("transaction")
    let view = TransactionView(trusted: bytes.span.bytes)
    func text(_ part: RawSpan) -> String { part.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
    #expect(view.length == bytes.count)
    #expect(view.eventTime == 1_767_571_200_123 && view.amount == 12_345 && view.currency == .euro)
    #expect(view.country == Country("DE") && view.mcc == 5_411)
    #expect(view.channel == .ecommerce && view.entryMode == .credentialOnFile)
    #expect(text(view.id) == "tx-1" && text(view.card) == "card-22" && text(view.customer) == "customer")
    #expect(text(view.merchant) == "m3" && text(view.terminal) == "t" && text(view.device) == "device-5")
    #expect(view.ip.withUnsafeBytes { Array($0) } == [192, 0, 2, 7])
    #expect(view.keyHash == KeyHash(of: Array("card-22".utf8).span.bytes, kind: .card))
    var extras: [(Int, ExtraField.Value)] = []
    try ExtraField.forEach(in: view.extras, count: view.extraCount) { index, value in extras.append((index, value)) }
    #expect(extras.map(\.0) == [0, 2, 3, 9])
    #expect(extras.map(\.1) == [.number(-0.5), .integer(-9), .flag(true), .text("Zürich")])
  }

  @Test func `a reset builder writes an empty record`() {
    var builder = TransactionSamples.builder()
    builder.reset()
    var reset: [UInt8] = []
    builder.append(to: &reset)
    var fresh: [UInt8] = []
    TransactionBuilder().append(to: &fresh)
    #expect(reset == fresh && reset.count == TransactionView.fixedSize)
    let view = TransactionView(trusted: reset.span.bytes)
    #expect(view.mcc == nil && view.country == .none && view.channel == .unknown && view.extraCount == 0)
  }

  @Test func `extra fields that end early, late, out of order or with another type are refused`() {
    let builder = TransactionSamples.builder()
    func refused(_ bytes: [UInt8], count: Int) -> Bool {
      do {
        try ExtraField.forEach(in: bytes.span.bytes, count: count) { _, _ in }
        return false
      } catch { return true }
    }
    #expect(!refused(builder.extras, count: 4))
    for length in 0..<builder.extras.count { #expect(refused(Array(builder.extras[..<length]), count: 4), "\(length)") }
    #expect(refused(builder.extras + [0], count: 4))
    #expect(refused([2, 3, 1, 2, 3, 1], count: 2), "the same index twice")
    #expect(refused([2, 3, 2], count: 1), "a flag of 2")
    #expect(refused([2, 5, 1], count: 1), "an unknown type")
    #expect(refused([2, 4, 1, 0xFF], count: 1), "text that is not UTF-8")
  }
}
