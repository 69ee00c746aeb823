import Testing
import Wire

@testable import Models

/// What a transaction became: its record's fields as text, or the rejection.
enum ParsedText: Equatable {
  case record(String)
  case rejected(RejectReason, field: String)

  static func json(
    _ text: String, mapping: FieldMapping = .canonical, extraFields: [ExtraFieldSpec] = [], strict: Bool = false
  ) -> ParsedText {
    json(Array(text.utf8), mapping: mapping, extraFields: extraFields, strict: strict)
  }

  static func json(
    _ bytes: [UInt8], mapping: FieldMapping = .canonical, extraFields: [ExtraFieldSpec] = [], strict: Bool = false
  ) -> ParsedText {
    var parser = TransactionJSON(mapping: mapping, extraFields: extraFields, refuseUnknownFields: strict)
    var builder = TransactionBuilder()
    do throws(Rejection) {
      try parser.parse(bytes.span.bytes, into: &builder)
      return .record(line(builder, extraFields))
    } catch {
      return .rejected(error.reason, field: error.field)
    }
  }

  /// The record's own NDJSON line, which names every field that has a value.
  static func line(_ builder: borrowing TransactionBuilder, _ extraFields: [ExtraFieldSpec] = []) -> String {
    var record: [UInt8] = []
    builder.append(to: &record)
    var out: [UInt8] = []
    TransactionText(extraFields: extraFields).appendJSON(TransactionView(trusted: record.span.bytes), to: &out)
    return String(decoding: out.dropLast(), as: UTF8.self)
  }
}

/// The smallest transaction, with some fields replaced or added.
func transactionJSON(_ changes: KeyValuePairs<String, String?> = [:]) -> String {
  var fields: [(String, String?)] = [
    ("transaction_id", "\"t1\""), ("event_time", "1795244400123"), ("amount", "12.34"), ("currency", "\"EUR\""),
    ("card", "\"c_1\""),
  ]
  for (key, value) in changes {
    if let at = fields.firstIndex(where: { $0.0 == key }) { fields[at].1 = value } else { fields.append((key, value)) }
  }
  return "{" + fields.compactMap { key, value in value.map { "\"\(key)\":\($0)" } }.joined(separator: ",") + "}"
}

@Suite("Transactions from JSON") struct TextTransactionJSONTests {
  static let smallest =
    #"{"transaction_id":"t1","event_time":"2026-11-21T07:00:00.123Z","amount":12.34,"currency":"EUR","card":"c_1"}"#

  @Test func allFieldsComeThrough() {
    let text =
      #"{"transaction_id":"t1","event_time":"2026-11-21T07:00:00.123Z","amount":12.34,"currency":"EUR","card":"c_1","#
      + #""customer":"k\u00fc","merchant":"m \"1\"","mcc":"0742","terminal":"t","country":"DE","ip":"192.0.2.1","#
      + #""device":"d","channel":"ecommerce","entry_mode":"credential_on_file"}"#
    #expect(ParsedText.json(text) == .record(text.replacing(#"k\u00fc"#, with: "kü")))
  }

  @Test func orderSpaceAndSpellingDoNotMatter() {
    let text = """
       { "card" : "c_1",\t"currency":"EUR" , "unknown":{"a":[1,{"b":null}]}, "amount" :"12.340",
      "event_time":"2026-11-21T08:00:00.1239+01:00","transaction_id":"t1","mcc":null,"device":"" }\r
      """
    #expect(ParsedText.json(text) == .record(Self.smallest))
    #expect(ParsedText.json(transactionJSON(["amount": nil, "amount_minor": "1234"])) == .record(Self.smallest))
    #expect(ParsedText.json(transactionJSON(["currency": "978", "amount": "1.234e1"])) == .record(Self.smallest))
  }

  @Test(arguments: [
    ("transaction_id", "null"), ("transaction_id", nil), ("transaction_id", "\"\""), ("event_time", nil),
    ("amount", nil), ("currency", nil), ("currency", "null"), ("card", nil), ("card", "\"\""),
  ]) func requiredFieldsMayNotBeMissing(field: String, value: String?) {
    #expect(ParsedText.json(transactionJSON([field: value])) == .rejected(.missingField, field: field))
  }

  @Test(arguments: [
    ("amount", "-0.01", RejectReason.negativeAmount), ("amount", "1e16", .amountOverflow),
    ("amount", "1e30", .amountOverflow),
    ("amount", "10000000000000.01", .amountOverflow), ("amount", "99999999999999999999999", .amountOverflow),
    ("amount", "12.345", .illTypedField), ("amount", "1.00000000000000000000001", .illTypedField),
    ("amount", "\"12,34\"", .illTypedField), ("amount", "true", .illTypedField), ("amount", "[1]", .illTypedField),
    ("amount", "{}", .illTypedField), ("amount", "\"NaN\"", .illTypedField),
    ("currency", "\"eur\"", .unknownCurrency), ("currency", "\"XXX\"", .unknownCurrency),
    ("currency", "1", .unknownCurrency), ("currency", "false", .illTypedField),
    ("event_time", "\"2026-11-21T07:00:00\"", .illTypedField), ("event_time", "\"yesterday\"", .illTypedField),
    ("event_time", "12.5", .illTypedField), ("event_time", "-1", .timeOutOfRange),
    ("event_time", "9246182400000", .timeOutOfRange), ("event_time", "\"1969-12-31T23:59:59Z\"", .timeOutOfRange),
    ("event_time", "true", .illTypedField),
    ("card", "\"4111111111111111\"", .valueOutOfRange), ("card", "4111111111111111", .valueOutOfRange),
    ("card", "\"4111 1111 1111 1111\"", .valueOutOfRange), ("card", "\"3782-822463-10005\"", .valueOutOfRange),
    ("card", "\"a\\u0000\"", .valueOutOfRange), ("card", "1.5", .illTypedField), ("card", "true", .illTypedField),
    ("mcc", "10000", .valueOutOfRange), ("mcc", "-1", .valueOutOfRange), ("mcc", "\"food\"", .illTypedField),
    ("country", "\"DEU\"", .illTypedField), ("country", "\"D1\"", .illTypedField), ("country", "49", .illTypedField),
    ("ip", "\"1.2.3\"", .illTypedField), ("ip", "\"fe80::1%eth0\"", .illTypedField), ("ip", "1", .illTypedField),
    ("channel", "\"POS\"", .valueOutOfRange), ("channel", "1", .illTypedField),
    ("entry_mode", "\"swipe\"", .valueOutOfRange),
  ]) func aBadValueNamesItsFieldAndReason(field: String, value: String, reason: RejectReason) {
    #expect(ParsedText.json(transactionJSON([field: value])) == .rejected(reason, field: field))
  }

  @Test(arguments: [
    ("100000", "JPY", "100000"), ("100.0", "JPY", "100"), ("1.234", "KWD", "1.234"), ("0", "EUR", "0.00"),
    ("-0", "EUR", "0.00"), ("0e99999999999", "EUR", "0.00"), ("10000000000000", "EUR", "10000000000000.00"),
    ("1E-2", "EUR", "0.01"), ("\"0012.50\"", "EUR", "12.50"), ("\".5\"", "EUR", "0.50"),
    ("12.3400000000000000000000000", "EUR", "12.34"),
  ]) func amountsAreExact(amount: String, currency: String, written: String) {
    let parsed = ParsedText.json(transactionJSON(["amount": amount, "currency": "\"\(currency)\""]))
    #expect(parsed == .record(Self.smallest.replacing("12.34", with: written).replacing("EUR", with: currency)))
  }

  @Test func bothAmountsAreRefused() {
    #expect(
      ParsedText.json(transactionJSON(["amount_minor": "1234"])) == .rejected(.malformed, field: "amount"))
    #expect(
      ParsedText.json(transactionJSON(["amount": nil, "amount_minor": "12.5"]))
        == .rejected(.illTypedField, field: "amount_minor"))
  }

  @Test func longTokensAreRefusedAndTheLongestIsTaken() {
    let longest = String(repeating: "x", count: 128)
    #expect(
      ParsedText.json(transactionJSON(["card": "\"\(longest)\""]))
        == .record(Self.smallest.replacing("c_1", with: longest)))
    #expect(
      ParsedText.json(transactionJSON(["card": "\"\(longest)x\""])) == .rejected(.valueOutOfRange, field: "card"))
  }

  @Test func aKeyThatStandsTwiceIsMalformedEvenAsNull() {
    let text = transactionJSON().dropLast() + #","card":null}"#
    #expect(ParsedText.json(String(text)) == .rejected(.malformed, field: "card"))
    let escaped = transactionJSON().dropLast() + #","c\u0061rd":"c_2"}"#
    #expect(ParsedText.json(String(escaped)) == .rejected(.malformed, field: "card"))
  }

  @Test func unknownFieldsAreRefusedOnlyWhenStrict() {
    let text = transactionJSON(["merchnat": "\"m\""])
    #expect(ParsedText.json(text) == .record(Self.smallest))
    #expect(ParsedText.json(text, strict: true) == .rejected(.unknownField, field: "merchnat"))
    #expect(ParsedText.json(transactionJSON(), strict: true) == .record(Self.smallest))
    // A key may be anything, even a card number: it is not repeated.
    #expect(
      ParsedText.json(transactionJSON(["4111111111111111": "1"]), strict: true) == .rejected(.unknownField, field: ""))
  }

  @Test(arguments: [
    "", " ", "{", "[]", "null", "{}x", #"{"card":}"#, #"{"card":"c",}"#, #"{"card" "c"}"#, #"{card:"c"}"#, "{,}",
    #"{"card":"c" "#, #"{"card":tru}"#, #"{"card":01}"#, #"{"card":1.}"#, #"{"card":1e}"#, #"{"card":-}"#,
    #"{"card":+1}"#, #"{"card":"\x"}"#, #"{"card":"\u12"}"#, #"{"card":"\ud800"}"#, #"{"card":"\ud800\u0041"}"#,
    #"{"card":"\udc00"}"#, "{\"card\":\"a\nb\"}", #"{"card":"c}"#, #"{"other":[1,]}"#,
    #"{"other":{"a":1,"b"}}"#,
  ]) func textThatIsNotAnObjectIsMalformed(text: String) {
    #expect(ParsedText.json(text) == .rejected(.malformed, field: ""))
  }

  @Test func nestingIsLimited() {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(ParsedText.json(transactionJSON(["x": nested(31)])) == .record(Self.smallest))
    #expect(ParsedText.json(transactionJSON(["x": nested(32)])) == .rejected(.malformed, field: ""))
  }

  @Test(
    arguments: [
      [0xFF], [0xC0, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xC3],
      [0xF0, 0x80, 0x80, 0x80],
    ] as [[UInt8]]) func invalidUTF8IsDetected(bytes: [UInt8])
  {
    for padding in 0..<9 {
      let text = Array("{\"card\":\"".utf8) + [UInt8](repeating: 0x61, count: padding) + bytes + Array("\"}".utf8)
      #expect(ParsedText.json(text) == .rejected(.invalidUTF8, field: ""))
    }
  }

  @Test func escapesAndSurrogatePairsAreResolved() {
    let text = transactionJSON(["merchant": #""\"\\\/\b\u00e9\ud83d\ude00é😀""#, "customer": #""\u0041""#])
    var parser = TransactionJSON()
    var builder = TransactionBuilder()
    let bytes = Array(transactionJSON(["merchant": #""\"\\\/\u00e9\ud83d\ude00é😀""#, "customer": #""\u0041""#]).utf8)
    #expect(throws: Never.self) { try parser.parse(bytes.span.bytes, into: &builder) }
    #expect(String(decoding: builder.merchant, as: UTF8.self) == "\"\\/é😀é😀")
    #expect(String(decoding: builder.customer, as: UTF8.self) == "A")
    // A backspace is a control character, which no token has.
    #expect(ParsedText.json(text) == .rejected(.valueOutOfRange, field: "merchant"))
  }

  @Test func anObjectOverTheLimitIsRefusedUnread() {
    let text = transactionJSON(["x": "\"" + String(repeating: "x", count: 65_536) + "\""])
    #expect(ParsedText.json(text) == .rejected(.tooLarge, field: ""))
  }

  @Test func extraFieldsAreTypedAndWrittenInOrder() {
    let extras = [
      ExtraFieldSpec(name: "age", kind: .number), ExtraFieldSpec(name: "visits", kind: .integer, isRequired: true),
      ExtraFieldSpec(name: "is_new", kind: .flag), ExtraFieldSpec(name: "segment", kind: .text),
    ]
    func parse(_ changes: KeyValuePairs<String, String?>) -> ParsedText {
      .json(transactionJSON(changes), extraFields: extras, strict: true)
    }
    let tail = #","age":0.1,"visits":-9223372036854775807,"is_new":true,"segment":"ü"}"#
    #expect(
      parse(["segment": "\"ü\"", "is_new": "true", "visits": "-9223372036854775807", "age": "1e-1"])
        == .record(Self.smallest.dropLast() + tail))
    #expect(parse([:]) == .rejected(.missingField, field: "visits"))
    #expect(parse(["visits": "1.5"]) == .rejected(.illTypedField, field: "visits"))
    #expect(parse(["visits": "99999999999999999999"]) == .rejected(.illTypedField, field: "visits"))
    #expect(parse(["visits": "1", "age": "\"1\""]) == .rejected(.illTypedField, field: "age"))
    #expect(parse(["visits": "1", "age": "1e999"]) == .rejected(.illTypedField, field: "age"))
    #expect(parse(["visits": "1", "is_new": "1"]) == .rejected(.illTypedField, field: "is_new"))
    let long = "\"" + String(repeating: "x", count: 256) + "\""
    #expect(parse(["visits": "1", "segment": long]) == .rejected(.valueOutOfRange, field: "segment"))
  }

  @Test func detailsNeverRepeatValues() {
    for (field, value) in [
      ("card", "4111111111111111"), ("amount", "-777777"), ("ip", "666.666.666.666"), ("amount", "7.7777777"),
    ] {
      var parser = TransactionJSON()
      var builder = TransactionBuilder()
      let bytes = Array(transactionJSON([field: "\"\(value)\""]).utf8)
      let error = #expect(throws: Rejection.self) { try parser.parse(bytes.span.bytes, into: &builder) }
      #expect(error?.description.contains(value) == false)
    }
  }

  @Test func aParserForgetsTheRowBefore() {
    var parser = TransactionJSON()
    var builder = TransactionBuilder()
    let full = Array(
      transactionJSON(["mcc": "1", "device": "\"d\"", "ip": "\"::1\"", "amount": nil, "amount_minor": "5"]).utf8)
    let small = Array(transactionJSON().utf8)
    let empty = Array("{}".utf8)
    #expect(throws: Never.self) { try parser.parse(full.span.bytes, into: &builder) }
    #expect(throws: Never.self) { try parser.parse(small.span.bytes, into: &builder) }
    #expect(ParsedText.line(builder) == Self.smallest)
    #expect(throws: Rejection.self) { try parser.parse(empty.span.bytes, into: &builder) }
    #expect(builder.id.isEmpty)
  }
}
