import Testing

@testable import Models

@Suite("Times as text") struct TextTimestampTests {
  /// The calendar counted day by day: another way than the one under test.
  struct CountedCalendar {
    var dates: [(year: Int, month: Int, day: Int)] = []

    init() {
      var date = (year: 1970, month: 1, day: 1)
      while date.year < 2263 {
        dates.append(date)
        let isLeap = date.year % 400 == 0 || date.year % 4 == 0 && date.year % 100 != 0
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        date.day += 1
        if date.day > lengths[date.month - 1] { (date.month, date.day) = (date.month + 1, 1) }
        if date.month > 12 { (date.year, date.month) = (date.year + 1, 1) }
      }
    }
  }

  static func parse(_ text: String, _ offset: Int? = nil) -> Result<Int64, Timestamp.Failure> {
    let bytes = Array(text.utf8)
    return Result { () throws(Timestamp.Failure) in try Timestamp.parse(bytes.span.bytes, defaultOffset: offset) }
  }

  @Test func everyDayOfTheRangeIsWrittenAndReadAsCounted() {
    let calendar = CountedCalendar()
    #expect(Int64(calendar.dates.count) * 86_400_000 == Timestamp.range.upperBound)
    func pad(_ value: Int, _ width: Int) -> String {
      String(repeating: "0", count: width - "\(value)".count) + "\(value)"
    }
    var random = SyntheticRandom(seed: 20_261_121)
    for (day, date) in calendar.dates.enumerated() {
      let ofDay = random.below(86_400_000)
      let seconds = ofDay / 1000
      let text =
        "\(pad(date.year, 4))-\(pad(date.month, 2))-\(pad(date.day, 2))T\(pad(seconds / 3600, 2)):"
        + "\(pad(seconds / 60 % 60, 2)):\(pad(seconds % 60, 2)).\(pad(ofDay % 1000, 3))Z"
      let instant = Int64(day) * 86_400_000 + Int64(ofDay)
      guard Timestamp.text(instant) == text, Self.parse(text) == .success(instant) else {
        Issue.record("\(text) is not \(instant)")
        return
      }
    }
  }

  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:00z", 951_825_600_000),
      ("2026-11-21t07:00:00+00:00", 1_795_244_400_000),
      ("2026-11-21 08:30:00.5+01:30", 1_795_244_400_500), ("2026-11-20T19:00:00.1239999-12:00", 1_795_244_400_123),
      ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("2262-12-31T23:59:59.999Z", 9_246_182_399_999),
      ("1970-01-01T01:00:00+01:00", 0), ("2026-11-21T07:00:00.000000000000Z", 1_795_244_400_000),
    ] as [(String, Int64)]) func formsOfTheStandardAreRead(text: String, instant: Int64)
  {
    #expect(Self.parse(text) == .success(instant))
  }

  @Test(arguments: [
    "", "2026-11-21", "2026-11-21T07:00", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:30:60Z", "2026-01-01T00:00:00.Z",
    "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00ZZ",
    "2026/01/01T00:00:00Z", "2026-01-01X00:00:00Z", "-026-01-01T00:00:00Z", "2026-01-01T00:00:00 Z",
  ]) func otherTextIsMalformed(text: String) { #expect(Self.parse(text) == .failure(.malformed)) }

  @Test func anOffsetIsNeededOrGiven() {
    #expect(Self.parse("2026-11-21T07:00:00") == .failure(.noOffset))
    #expect(Self.parse("2026-11-21T07:00:00", 0) == .success(1_795_244_400_000))
    #expect(Self.parse("2026-11-21T07:00:00", 60) == .success(1_795_240_800_000))
    #expect(Self.parse("2026-11-21T07:00:00Z", 60) == .success(1_795_244_400_000))
  }

  @Test func theRangeIsHeld() {
    #expect(Self.parse("1969-12-31T23:59:59.999Z") == .failure(.outOfRange))
    #expect(Self.parse("1970-01-01T00:00:00+00:01") == .failure(.outOfRange))
    #expect(Self.parse("2263-01-01T00:00:00Z") == .failure(.outOfRange))
    #expect(Self.parse("9999-12-31T23:59:59Z") == .failure(.outOfRange))
    #expect(Self.parse("0000-01-01T00:00:00Z") == .failure(.outOfRange))
    #expect(Timestamp.text(-5) == "1970-01-01T00:00:00.000Z")
    #expect(Timestamp.text(.max) == "2262-12-31T23:59:59.999Z")
  }

  @Test func patternsReadForeignForms() throws {
    func read(_ pattern: String, _ text: String, _ offset: Int = 0) throws -> Int64 {
      let bytes = Array(text.utf8)
      return try #require(TimePattern(pattern)).parse(bytes.span.bytes, offsetMinutes: offset)
    }
    #expect(try read("yyyy-MM-dd HH:mm:ss", "2026-11-21 07:00:00") == 1_795_244_400_000)
    #expect(try read("dd.MM.yyyy", "21.11.2026") == 1_795_219_200_000)
    #expect(try read("yyyyMMddTHHmmssSSS", "20261121T070000123", 60) == 1_795_240_800_123)
    #expect(throws: Timestamp.Failure.malformed) { try read("dd.MM.yyyy", "21.11.26") }
    #expect(throws: Timestamp.Failure.malformed) { try read("dd.MM.yyyy", "31.02.2026") }
    #expect(throws: Timestamp.Failure.malformed) { try read("dd.MM.yyyy", "21-11-2026") }
    #expect(throws: Timestamp.Failure.outOfRange) { try read("dd.MM.yyyy", "21.11.1926") }
    for bad in ["", "yyyy", "yyyy-MM", "yyyy-MM-dd-dd", "yy-MM-dd", "yyyy-MM-dd hh"] {
      #expect(TimePattern(bad) == nil)
    }
  }
}
