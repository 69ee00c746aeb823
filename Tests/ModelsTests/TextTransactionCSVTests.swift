import Testing
import Wire

@testable import Models

@Suite("Transactions from CSV") struct TextTransactionCSVTests {
  static let smallest =
    #"{"transaction_id":"t1","event_time":"2026-11-21T07:00:00.123Z","amount":12.34,"currency":"EUR","card":"c_1"}"#

  enum Row: Equatable {
    case record(String, line: Int)
    case rejected(RejectReason, field: String, line: Int)
    case header(RejectReason, field: String)
  }

  static func read(
    _ text: String, piece: Int = 10_000, mapping: FieldMapping = .canonical, extraFields: [ExtraFieldSpec] = []
  ) -> [Row] {
    read(Array(text.utf8), piece: piece, mapping: mapping, extraFields: extraFields)
  }

  static func read(
    _ bytes: [UInt8], piece: Int = 10_000, mapping: FieldMapping = .canonical, extraFields: [ExtraFieldSpec] = []
  ) -> [Row] {
    var reader = TransactionTextReader(.csv, mapping: mapping, extraFields: extraFields)
    var rows: [Row] = []
    func record(_ builder: borrowing TransactionBuilder, _ line: Int) {
      rows.append(.record(ParsedText.line(builder, extraFields), line: line))
    }
    func bad(_ line: TransactionTextReader.BadLine) {
      rows.append(.rejected(line.rejection.reason, field: line.rejection.field, line: line.number))
    }
    do throws(Rejection) {
      var at = 0
      while at < bytes.count {
        let part = bytes.span.bytes.extracting(at..<min(at + piece, bytes.count))
        try reader.feed(part, onRecord: record, onBadLine: bad)
        at += piece
      }
      try reader.finish(onRecord: record, onBadLine: bad)
    } catch {
      rows.append(.header(error.reason, field: error.field))
    }
    return rows
  }

  static let header = "transaction_id,event_time,amount,currency,card"
  static let row = "t1,1795244400123,12.34,EUR,c_1"

  @Test(arguments: [",", ";", "\t"], [1, 5, 10_000]) func theDelimiterIsFoundFromTheHeader(
    delimiter: String, piece: Int
  ) {
    let text = "\u{FEFF}\(Self.header)\r\n\(Self.row)\r\n\r\n\(Self.row)".replacing(",", with: delimiter)
    #expect(Self.read(text, piece: piece) == [.record(Self.smallest, line: 2), .record(Self.smallest, line: 4)])
  }

  @Test(arguments: [1, 3, 10_000]) func quotesFollowTheStandard(piece: Int) {
    let text = """
      "transaction_id",event_time,amount,currency,card,merchant,"other
      column"
      "t1","1795244400123","12.34",EUR,c_1,"a ""b"", c","x
      y"
      t1,1795244400123,12.34,EUR,c_1,"",
      t1,1795244400123,12.34,EUR,c_1,"m"x,
      t1,1795244400123,12.34,EUR,c_1,5" pipe,
      t1,1795244400123,12.34,EUR,c_1,"line
      feed",

      """
    #expect(
      Self.read(text, piece: piece) == [
        .record(Self.smallest.dropLast() + #","merchant":"a \"b\", c"}"#, line: 3),
        .record(Self.smallest, line: 5),
        .rejected(.malformed, field: "", line: 6),
        .record(Self.smallest.dropLast() + #","merchant":"5\" pipe"}"#, line: 7),
        // A line feed is no part of a token.
        .rejected(.valueOutOfRange, field: "merchant", line: 8),
      ])
  }

  @Test func badRowsAreToldWithTheirLineAndTheRestGoesOn() {
    let text = """
      \(Self.header)
      t1,1795244400123,-1,EUR,c_1
      t1,1795244400123,12.34,EUR
      t1,1795244400123,12.34,EUR,c_1,more
      t1,,12.34,EUR,c_1
      t1,1795244400123,12.34,EUR,4111 1111 1111 1111
      t1,1795244400.5,12.34,EUR,c_1
      \(Self.row)
      t1,1795244400123,12.34,EUR,"c_1
      """
    #expect(
      Self.read(text) == [
        .rejected(.negativeAmount, field: "amount", line: 2), .rejected(.malformed, field: "", line: 3),
        .rejected(.malformed, field: "", line: 4), .rejected(.missingField, field: "event_time", line: 5),
        .rejected(.valueOutOfRange, field: "card", line: 6), .rejected(.illTypedField, field: "event_time", line: 7),
        .record(Self.smallest, line: 8), .rejected(.malformed, field: "", line: 9),
      ])
    let broken = Array("\(Self.header),x\n\(Self.row),".utf8) + [0xFF, 0x0A]
    #expect(Self.read(broken) == [.rejected(.invalidUTF8, field: "", line: 2)])
    let long = "\(Self.header),x\n\(Self.row)," + String(repeating: "x", count: 100_000) + "\n\(Self.row),\n"
    #expect(Self.read(long) == [.rejected(.tooLarge, field: "", line: 2), .record(Self.smallest, line: 3)])
  }

  @Test func aHeaderThatCanNotServeIsRefusedAtOnce() {
    #expect(Self.read("transaction_id,event_time,amount,currency\n") == [.header(.missingField, field: "card")])
    #expect(Self.read("\(Self.header),card\n") == [.header(.malformed, field: "card")])
    let mapping = FieldMapping(rules: [.init(.field(.merchant), from: .column("Shop"))])
    #expect(Self.read("\(Self.header),Shp\n", mapping: mapping) == [.header(.missingField, field: "Shop")])
    let extras = [ExtraFieldSpec(name: "visits", kind: .integer, isRequired: true)]
    #expect(Self.read("\(Self.header)\n", extraFields: extras) == [.header(.missingField, field: "visits")])
  }

  @Test func cellsOfExtraFieldsAreTyped() {
    let extras = [
      ExtraFieldSpec(name: "age", kind: .number), ExtraFieldSpec(name: "visits", kind: .integer),
      ExtraFieldSpec(name: "is_new", kind: .flag), ExtraFieldSpec(name: "segment", kind: .text),
    ]
    let text = """
      visits,\(Self.header),is_new,segment,age
      3.0,\(Self.row),1,"a,b",2.5
      ,\(Self.row),,,
      ,\(Self.row),yes,,
      1.5,\(Self.row),,,
      """
    #expect(
      Self.read(text, extraFields: extras) == [
        .record(Self.smallest.dropLast() + #","age":2.5,"visits":3,"is_new":true,"segment":"a,b"}"#, line: 2),
        .record(Self.smallest, line: 3), .rejected(.illTypedField, field: "is_new", line: 4),
        .rejected(.illTypedField, field: "visits", line: 5),
      ])
  }
}
