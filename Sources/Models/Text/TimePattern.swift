/// A date and time of fixed width as foreign files write it, such as `yyyy-MM-dd HH:mm:ss` or `dd/MM/yyyy HH:mm`.
///
/// Letters: `yyyy`, `MM`, `dd`, `HH` (0 to 23), `mm`, `ss`, `SSS`. All other bytes stand for themselves.
public struct TimePattern: Equatable, Sendable, CustomStringConvertible {
  enum Part: Equatable {
    case year, month, day, hour, minute, second, millisecond
    case literal(UInt8)

    var width: Int {
      switch self {
      case .year: 4
      case .millisecond: 3
      case .literal: 1
      default: 2
      }
    }
  }

  public let description: String
  let parts: [Part]
  private let length: Int

  /// Nil when a letter isn't known, year, month or day is missing, or a part stands twice.
  public init?(_ text: String) {
    let names: [(String, Part)] = [
      ("yyyy", .year), ("MM", .month), ("dd", .day), ("HH", .hour), ("mm", .minute), ("ss", .second),
      ("SSS", .millisecond),
    ]
    var parts: [Part] = []
    var rest = text[...]
    while let first = rest.first {
      if let (name, part) = names.first(where: { rest.hasPrefix($0.0) }) {
        guard !parts.contains(part) else { return nil }
        parts.append(part)
        rest = rest.dropFirst(name.count)
      } else if let byte = first.asciiValue, !first.isLetter || first == "T" || first == "Z" {
        parts.append(.literal(byte))
        rest = rest.dropFirst()
      } else {
        return nil
      }
    }
    guard parts.contains(.year), parts.contains(.month), parts.contains(.day) else { return nil }
    self.parts = parts
    length = parts.reduce(0) { $0 + $1.width }
    description = text
  }

  /// The instant of a text of exactly this pattern, at a fixed offset in minutes east of UTC.
  func parse(_ text: RawSpan, offsetMinutes: Int) throws(Timestamp.Failure) -> Int64 {
    guard text.byteCount == length else { throw .malformed }
    var year = 0
    var month = 0
    var day = 0
    var hour = 0
    var minute = 0
    var second = 0
    var millisecond = 0
    var at = 0
    for part in parts {
      if case .literal(let byte) = part {
        guard text.textByte(at) == byte else { throw .malformed }
      } else {
        guard let value = Timestamp.digits(text, at, part.width) else { throw .malformed }
        switch part {
        case .year: year = value
        case .month: month = value
        case .day: day = value
        case .hour: hour = value
        case .minute: minute = value
        case .second: second = value
        case .millisecond: millisecond = value
        case .literal: break
        }
      }
      at += part.width
    }
    guard
      let instant = Timestamp.milliseconds(
        year: year, month: month, day: day, hour: hour, minute: minute, second: second, millisecond: millisecond,
        offsetMinutes: offsetMinutes)
    else { throw .malformed }
    guard Timestamp.range.contains(instant) else { throw .outOfRange }
    return instant
  }
}
