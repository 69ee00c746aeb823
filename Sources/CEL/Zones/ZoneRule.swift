/// What a zone does every year: the POSIX rule at the end of a TZif file, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct ZoneRule: Sendable, Hashable {
  /// Seconds east of UTC.
  var standard: Int64
  var summer: Summer?

  struct Summer: Sendable, Hashable {
    var distance: Int64
    var begins: Day
    var ends: Day
  }

  /// A day of the year and a time of its local clock.
  struct Day: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
      /// 1 to 365; 29 February is never counted.
      case julian(Int64)
      /// 0 to 365.
      case zeroBased(Int64)
      /// Week 5 is the last of the month; 0 is Sunday.
      case weekday(month: Int64, week: Int64, day: Int64)
    }
    var kind: Kind
    var seconds: Int64

    /// Local seconds since the epoch.
    func moment(_ year: Int64) -> Int64 {
      let newYear = CivilTime.days(year: year, month: 1, day: 1)
      let days: Int64
      switch kind {
      case .julian(let day):
        let isLeap = CivilTime.daysInMonth(2, year: year) == 29
        days = newYear + day - 1 + (isLeap && day >= 60 ? 1 : 0)
      case .zeroBased(let day): days = newYear + day
      case .weekday(let month, let week, let day):
        let first = CivilTime.days(year: year, month: month, day: 1)
        let weekday = ((first + 4) % 7 + 7) % 7
        var offset = (day - weekday + 7) % 7 + (week - 1) * 7
        if offset >= CivilTime.daysInMonth(month, year: year) { offset -= 7 }
        days = first + offset
      }
      return days * 86_400 + seconds
    }
  }

  func distance(at seconds: Int64) -> Int64 {
    guard let summer else { return standard }
    let year = CivilTime(localSeconds: seconds + standard).year
    let begins = summer.begins.moment(year) - standard
    let ends = summer.ends.moment(year) - summer.distance
    let isSummer = begins < ends ? seconds >= begins && seconds < ends : seconds >= begins || seconds < ends
    return isSummer ? summer.distance : standard
  }

  /// nil for a rule that can't be read.
  init?(_ text: String) {
    var scanner = RuleScanner(text)
    guard scanner.name(), let west = scanner.time() else { return nil }
    standard = -west
    guard !scanner.isAtEnd else { return }
    guard scanner.name() else { return nil }
    var distance = standard + 3600
    if !scanner.isNext(",") {
      guard let west = scanner.time() else { return nil }
      distance = -west
    }
    guard scanner.take(","), let begins = scanner.day(), scanner.take(","), let ends = scanner.day(), scanner.isAtEnd else { return nil }
    summer = Summer(distance: distance, begins: begins, ends: ends)
  }
}

private struct RuleScanner {
  let bytes: [UInt8]
  var index = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  var isAtEnd: Bool { index >= bytes.count }

  func isNext(_ mark: Character) -> Bool { index < bytes.count && bytes[index] == mark.asciiValue }

  mutating func take(_ mark: Character) -> Bool {
    guard isNext(mark) else { return false }
    index += 1
    return true
  }

  /// `CET` or `<+0330>`.
  mutating func name() -> Bool {
    let start = index
    if take("<") {
      while index < bytes.count, !isNext(">") { index += 1 }
      return take(">")
    }
    while index < bytes.count, (bytes[index] | 0x20) >= 0x61, (bytes[index] | 0x20) <= 0x7A { index += 1 }
    return index > start
  }

  mutating func number() -> Int64? {
    let start = index
    var value: Int64 = 0
    while index < bytes.count, Lexer.isDigit(bytes[index]), index - start < 4 {
      value = value * 10 + Int64(bytes[index] - 0x30)
      index += 1
    }
    return index > start ? value : nil
  }

  /// `[+-]h[:mm[:ss]]`.
  mutating func time() -> Int64? {
    let sign: Int64 = take("-") ? -1 : 1
    if sign > 0 { _ = take("+") }
    guard let hours = number() else { return nil }
    var seconds = hours * 3600
    if take(":") {
      guard let minutes = number() else { return nil }
      seconds += minutes * 60
      if take(":") {
        guard let rest = number() else { return nil }
        seconds += rest
      }
    }
    return sign * seconds
  }

  mutating func day() -> ZoneRule.Day? {
    var kind: ZoneRule.Day.Kind
    if take("M") {
      guard let month = number(), take("."), let week = number(), take("."), let day = number(), (1...12).contains(month),
        (1...5).contains(week), (0...6).contains(day)
      else { return nil }
      kind = .weekday(month: month, week: week, day: day)
    } else if take("J") {
      guard let day = number() else { return nil }
      kind = .julian(day)
    } else {
      guard let day = number() else { return nil }
      kind = .zeroBased(day)
    }
    guard take("/") else { return ZoneRule.Day(kind: kind, seconds: 7200) }
    return time().map { ZoneRule.Day(kind: kind, seconds: $0) }
  }
}
