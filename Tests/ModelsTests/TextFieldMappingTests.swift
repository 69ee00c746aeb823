import Testing
import Wire

@testable import Models

@Suite("Field mappings") struct TextFieldMappingTests {
  static let extras = [ExtraFieldSpec(name: "risk", kind: .number)]

  static func mapping(_ yaml: String) -> Result<FieldMapping, FieldMappingError> {
    Result { () throws(FieldMappingError) in try FieldMapping(yaml: yaml, extraFields: extras) }
  }

  @Test func aForeignFileIsReadByItsMapping() throws {
    let mapping = try FieldMapping(
      yaml: """
        fields:
          transaction_id: TransID
          event_time: {from: Time, format: "dd.MM.yyyy HH:mm:ss", timezone: "+01:00"}
          amount: {from: Cents, unit: minor}
          currency: {constant: EUR}
          card: Account
          customer: Account
          channel: {from: Kind, map: {A: pos, B: ecommerce}}
          risk: Score
        """, extraFields: Self.extras)
    let header = "TransID,Time,Cents,Account,Kind,Score,merchant,currency\n"
    let rows = TextTransactionCSVTests.read(
      header + "t1,21.11.2026 08:00:00,1234,a_1,B,0.5,m,ignored\nt2,21.11.2026 08:00:00,1234,a_1,C,,,\n",
      mapping: mapping, extraFields: Self.extras)
    let expected =
      #"{"transaction_id":"t1","event_time":"2026-11-21T07:00:00.000Z","amount":12.34,"currency":"EUR","card":"a_1","#
      + #""customer":"a_1","merchant":"m","channel":"ecommerce","risk":0.5}"#
    #expect(rows == [.record(expected, line: 2), .rejected(.valueOutOfRange, field: "Kind", line: 3)])
    let json =
      #"{"TransID":"t1","Time":"21.11.2026 08:00:00","Cents":"1234","Account":"a_1","Kind":"B","Score":0.5,"merchant":"m"}"#
    #expect(ParsedText.json(json, mapping: mapping, extraFields: Self.extras) == .record(expected))
    // A name that the mapping has replaced is unknown.
    let replaced = json.dropLast() + #","amount":1}"#
    #expect(
      ParsedText.json(String(replaced), mapping: mapping, extraFields: Self.extras, strict: true)
        == .rejected(.unknownField, field: "amount"))
  }

  @Test(arguments: [
    ("{from: t, format: epoch_s}", "1795244400.1239", "2026-11-21T07:00:00.123Z"),
    ("{from: t, format: epoch_ms}", "1795244400123.9", "2026-11-21T07:00:00.123Z"),
    ("{from: t, format: iso8601, timezone: UTC}", "\"2026-11-21T07:00:00\"", "2026-11-21T07:00:00.000Z"),
    ("{from: t, timezone: \"-02:00\"}", "\"2026-11-21 05:00:00\"", "2026-11-21T07:00:00.000Z"),
    ("{from: t, format: \"yyyy-MM-dd\"}", "\"2026-11-21\"", "2026-11-21T00:00:00.000Z"),
    ("t", "1795244400123", "2026-11-21T07:00:00.123Z"),
  ]) func timesComeInManyForms(option: String, value: String, written: String) throws {
    let mapping = try FieldMapping(yaml: "fields:\n  event_time: \(option)")
    let text = transactionJSON(["event_time": nil, "t": value])
    #expect(
      ParsedText.json(text, mapping: mapping)
        == .record(TextTransactionCSVTests.smallest.replacing("2026-11-21T07:00:00.123Z", with: written)))
  }

  @Test(arguments: [
    ("fields:\n  merchnat: x", 2, "did you mean 'merchant'"),
    ("fields:\n  card: a\n  card: b", 3, "twice"),
    ("fields:\n  card: a\nfield: b", 3, "unknown key `field`"),
    ("fields:\n  card: {from: a,\n    form: b}", 3, "from"),
    ("fields:\n  card: {constant: c, from: a}", 2, "not both"),
    ("fields:\n  card: {map: {a: b}}", 2, "needs `from"),
    ("fields:\n  card:\n    from: [a]", 3, "one plain value"),
    ("fields:\n  card: {from: cc, tokenize: sha256}", 2, "tokens"),
    ("fields:\n  amount: {from: a, unit: cents}", 2, "unknown unit"),
    ("fields:\n  card: {from: a, unit: major}", 2, "unknown option"),
    ("fields:\n  event_time: {from: a, format: \"yy-MM\"}", 2, "no time format"),
    ("fields:\n  event_time: {from: a, timezone: Europe/Berlin}", 2, "no time zone"),
    ("fields:\n  currency: {constant: XXX}", 2, "no value for `currency`"),
    ("fields:\n  channel:\n    from: a\n    map:\n      A: pos\n      B: shop", 6, "no value for `channel`"),
    ("fields:\n  risk: {constant: high}", 2, "no value for `risk`"),
    ("fields: 3", 1, "mapping of field names"), ("fields: {}", 1, "names no field"), ("- a", 1, "key `fields`"),
    ("", 1, "key `fields`"), ("fields:\n  card: [a\n", 3, ""), ("fields:\n\tcard: a", 2, ""),
  ]) func mistakesAreNamedWithTheirLine(yaml: String, line: Int, part: String) {
    guard case .failure(let error) = Self.mapping(yaml) else {
      Issue.record("taken: \(yaml)")
      return
    }
    #expect(error.line == line, "\(error)")
    #expect(part.isEmpty || error.message.lowercased().contains(part.lowercased()), "\(error)")
  }
}
