import Testing
import Wire

@testable import Models

@Suite("Decisions and quarantine as text") struct TextDecisionTests {
  static let bundle = BundleID(high: 0x0123_4567_89AB_CDEF, low: 0xF)

  static func json(
    id: String = "t1", card: String = "c_9", score: Float = 0.912, flags: Decision.Flags = [],
    reasons: SIMD4<UInt16> = Decision.noReasons, names: [String] = [], features: [Double] = []
  ) -> String {
    let writer = DecisionText(bundle: bundle, reasons: ["VELOCITY", "A\"B"], features: names)
    let id = Array(id.utf8)
    let card = Array(card.utf8)
    let fields = DecisionFields(
      transactionID: id.span.bytes, card: card.span.bytes, partition: PartitionID(3), offset: Offset(.max),
      eventTime: 1_795_244_400_123, decidedTime: 1_795_244_400_131,
      decision: Decision(score: score, action: .review, verdict: .potentialFraud, flags: flags, reasons: reasons),
      features: features.span)
    var out: [UInt8] = []
    writer.appendJSON(fields, to: &out)
    return String(decoding: out, as: UTF8.self)
  }

  @Test func aLineHasItsForm() {
    #expect(
      Self.json(
        flags: [.degraded, .late], reasons: SIMD4(1, 0, .max, .max), names: ["a", "b\n"], features: [1, -0.25])
        == #"{"transaction_id":"t1","partition":3,"offset":18446744073709551615,"card":"c_9","#
        + #""event_time":"2026-11-21T07:00:00.123Z","decided_time":"2026-11-21T07:00:00.131Z","#
        + #""verdict":"potential_fraud","action":"review","score":0.912000,"reasons":["A\"B","VELOCITY"],"#
        + #""flags":["degraded","late"],"bundle":"0123456789abcdef000000000000000f","features":{"a":1,"b\n":-0.25}}"#
        + "\n")
    #expect(Self.json().contains(#""reasons":[],"flags":[],"bundle""#))
    #expect(Self.json(id: "\u{1}\t\"\\ü").contains(#""transaction_id":"\u0001\t\"\\ü""#))
  }

  @Test func aRowHasItsForm() {
    let writer = DecisionText(bundle: Self.bundle, reasons: ["VELOCITY", "AMOUNT"])
    let id = Array("t,\"1".utf8)
    let card = Array("c".utf8)
    let fields = DecisionFields(
      transactionID: id.span.bytes, card: card.span.bytes, partition: PartitionID(0), offset: .zero, eventTime: 0,
      decidedTime: 1,
      decision: Decision(
        score: 0, action: .approve, verdict: .clear, flags: [.warming, .late], reasons: SIMD4(0, 1, .max, .max)))
    var out: [UInt8] = []
    writer.appendCSV(fields, to: &out)
    #expect(
      String(decoding: out, as: UTF8.self)
        == "\"t,\"\"1\",0,0,c,1970-01-01T00:00:00.000Z,1970-01-01T00:00:00.001Z,clear,approve,0.000000,"
        + "VELOCITY|AMOUNT,warming|late,0123456789abcdef000000000000000f,\n")
    #expect(DecisionText.csvHeader.split(separator: ",").count == 13)
    let listed = DecisionFields(
      transactionID: id.span.bytes, card: card.span.bytes, partition: PartitionID(0), offset: .zero, eventTime: 0, decidedTime: 1,
      decision: fields.decision, listVersion: 12)
    writer.appendCSV(listed, to: &out)
    #expect(String(decoding: out, as: UTF8.self).hasSuffix(",0123456789abcdef000000000000000f,12\n"))
  }

  @Test(
    arguments: [
      (0, "0.000000"), (1, "1.000000"), (0.5, "0.500000"), (-0.25, "-0.250000"), (0.9999999, "1.000000"),
      (1e-7, "0.000000"), (-1e-9, "0.000000"), (123_456.75, "123456.750000"), (.nan, "null"), (.infinity, "null"),
      (1e13, "10000000000000"),
    ] as [(Double, String)]) func scoresHaveSixPlaces(value: Double, written: String)
  {
    var out: [UInt8] = []
    out.appendText(bound: 32) { $0.put(sixPlaces: value) }
    #expect(String(decoding: out, as: UTF8.self) == written)
  }

  @Test func doublesReadBackAsThemselves() {
    var random = SyntheticRandom(seed: 11)
    var values: [Double] = [
      0, -0.0, 1, -1, 0.1, 1e22, 1e300, 5e-324, .greatestFiniteMagnitude, 9_007_199_254_740_993, -7.25,
    ]
    for _ in 0..<5_000 { values.append(Double(bitPattern: random.next())) }
    for _ in 0..<5_000 { values.append((random.uniform() - 0.5) * 1e6) }
    for value in values where value.isFinite {
      var out: [UInt8] = []
      out.appendText(bound: 32) { $0.put(shortest: value) }
      let back = Double(decimalText: out.span.bytes)
      let scan = ParsedText.json("{\"x\":\(String(decoding: out, as: UTF8.self))}")
      guard back?.bitPattern == value.bitPattern, scan == .rejected(.missingField, field: "transaction_id") else {
        Issue.record("\(value) is written as \(String(decoding: out, as: UTF8.self))")
        return
      }
    }
  }

  @Test func decimalTextIsReadAsTheNearestDouble() {
    var random = SyntheticRandom(seed: 12)
    for _ in 0..<20_000 {
      let text =
        "\(random.below(2) == 0 ? "-" : "")\(random.next() >> UInt64(random.below(64)))e\(random.below(60) - 30)"
      let bytes = Array(text.utf8)
      guard Double(decimalText: bytes.span.bytes) == Double(text) else {
        Issue.record("\(text) is read as \(String(describing: Double(decimalText: bytes.span.bytes)))")
        return
      }
    }
  }

  @Test func quarantineLinesAreCleanAndBounded() {
    func line(_ raw: [UInt8], id: String = "", detail: String = "x") -> String {
      var out: [UInt8] = []
      QuarantineText.append(
        time: 0, rejection: Rejection(.missingField, field: "card", detail), source: "http",
        transactionID: Array(id.utf8).span.bytes, raw: raw.span.bytes, to: &out)
      return String(decoding: out, as: UTF8.self)
    }
    let head =
      #"{"time":"1970-01-01T00:00:00.000Z","reason":"missing_field","field":"card","detail":"x","source":"http","#
    #expect(line(Array("{\"a\"".utf8), id: "t1") == head + #""transaction_id":"t1","raw":"{\"a\""}"# + "\n")
    #expect(line([0x61, 0xFF, 0x00]) == head + #""raw":"a\#u{FFFD}\u0000"}"# + "\n")
    #expect(line(Array("card=4111 1111 1111 1111;".utf8)) == head + #""raw":"card=*******************;"}"# + "\n")
    #expect(line([], detail: "card 4111111111111111").contains("4111") == false)
    // A number on the edge of the excerpt is masked too, and a character is never cut.
    let edge = [UInt8](repeating: 0x78, count: 1014) + Array("4111111111111111".utf8)
    #expect(line(edge).contains("411") == false)
    let wide = line(Array(String(repeating: "ü", count: 1000).utf8))
    #expect(wide.contains(String(repeating: "ü", count: 512) + "\"") && !wide.contains("\u{FFFD}"))
    #expect(line([UInt8](repeating: 1, count: 100_000)).utf8.count == head.utf8.count + 1024 * 6 + 10)
  }

  @Test func everyNameOfACodeIsTheEnumerationsOwn() {
    for channel in Channel.allCases { #expect("\(FieldValue.name(channel))" == channel.name) }
    for mode in EntryMode.allCases { #expect("\(FieldValue.name(mode))" == mode.name) }
  }
}
