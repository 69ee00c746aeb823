import Testing

@testable import Models

@Suite("Lines from a stream") struct TextLineSplitterTests {
  struct Found: Equatable {
    var text: String
    var number: Int
    var isTooLong = false
  }

  /// Cuts `bytes` given in pieces of `size`.
  static func split(
    _ bytes: [UInt8], piece size: Int, limit: Int = 65_536, framing: LineSplitter.Framing = .lines
  ) -> [Found] {
    var splitter = LineSplitter(limit: limit, framing: framing)
    var found: [Found] = []
    func take(_ bytes: RawSpan, _ line: LineSplitter.Line) {
      found.append(Found(text: bytes.testText, number: line.number, isTooLong: line.isTooLong))
    }
    var at = 0
    while at < bytes.count {
      splitter.feed(bytes.span.bytes.extracting(at..<min(at + size, bytes.count)), take)
      at += size
    }
    splitter.finish(take)
    return found
  }

  static func split(_ text: String, piece: Int, framing: LineSplitter.Framing = .lines) -> [Found] {
    split(Array(text.utf8), piece: piece, framing: framing)
  }

  @Test(arguments: [1, 2, 3, 7, 8, 9, 64, 10_000]) func piecesOfAnySizeGiveTheSameLines(piece: Int) {
    let text = "\u{FEFF}one\r\n\n\r\nfour with more than eight bytes\n\u{FEFF}five\nlast"
    #expect(
      Self.split(text, piece: piece) == [
        Found(text: "one", number: 1), Found(text: "four with more than eight bytes", number: 4),
        Found(text: "\u{FEFF}five", number: 5), Found(text: "last", number: 6),
      ])
    #expect(Self.split("", piece: piece) == [])
    #expect(Self.split("\n\n", piece: piece) == [])
    #expect(Self.split("a\n", piece: piece) == [Found(text: "a", number: 1)])
  }

  @Test(arguments: [1, 2, 3, 7, 8, 9, 64, 10_000]) func lineFeedsWithinQuotesBelongToTheRecord(piece: Int) {
    let text = "a,\"b\nc\"\"\n\",d\n5\" pipe,x\n\"y\"\"\",z\n,\"\"\n"
    #expect(
      Self.split(text, piece: piece, framing: .csv(delimiter: UInt8(ascii: ","))) == [
        Found(text: "a,\"b\nc\"\"\n\",d", number: 1), Found(text: "5\" pipe,x", number: 4),
        Found(text: "\"y\"\"\",z", number: 5), Found(text: ",\"\"", number: 6),
      ])
    // A quote behind another delimiter is only a byte.
    #expect(
      Self.split("a;\"b\nc\n", piece: piece, framing: .csv(delimiter: UInt8(ascii: ",")))
        == [Found(text: "a;\"b", number: 1), Found(text: "c", number: 2)])
    #expect(
      Self.split("\u{FEFF}\"a\nb\",c\n", piece: piece, framing: .csv(delimiter: nil))
        == [Found(text: "\"a\nb\",c", number: 1)])
  }

  @Test(arguments: [1, 1000, 65_536, 20_000_000]) func aLineOfTenMegabytesIsToldOnceAndSkipped(piece: Int) {
    let size = piece == 1 ? 200_000 : 10_000_000
    let bytes = Array("first\n".utf8) + [UInt8](repeating: 0x78, count: size) + Array("\nlast\n".utf8)
    #expect(
      Self.split(bytes, piece: piece) == [
        Found(text: "first", number: 1),
        Found(text: String(repeating: "x", count: 1024), number: 2, isTooLong: true), Found(text: "last", number: 3),
      ])
  }

  @Test(arguments: [1, 100, 5000]) func theLimitIsExact(piece: Int) {
    for (length, isTooLong) in [(1999, false), (2000, false), (2001, true), (2002, true)] {
      for end in ["\n", "\r\n", ""] {
        let line = String(repeating: "y", count: length)
        let found = Self.split(Array((line + end + (end.isEmpty ? "" : "z")).utf8), piece: piece, limit: 2000)
        let text = isTooLong ? String(repeating: "y", count: 1024) : line
        #expect(found.first == Found(text: text, number: 1, isTooLong: isTooLong), "\(length) \(piece) \(end.count)")
        #expect(found.count == (end.isEmpty ? 1 : 2))
      }
    }
  }

  @Test(arguments: [1, 100, 500_000]) func aQuoteThatNeverClosesLosesOneRecordOnly(piece: Int) {
    let bytes =
      Array("a,\"open\n".utf8) + [UInt8](repeating: 0x78, count: 200_000) + Array("\nb,c\n\"d\"\n".utf8)
    let found = Self.split(bytes, piece: piece, framing: .csv(delimiter: UInt8(ascii: ",")))
    #expect(found.map(\.isTooLong) == [true, false, false])
    #expect(found.dropFirst().map(\.text) == ["b,c", "\"d\""])
    #expect(found.map(\.number) == [1, 3, 4])
  }
}
