import CEL

/// A transaction's own time as people around it read it.
public struct Calendar: Sendable, Hashable {
  public enum Part: Sendable, Hashable {
    /// 0 to 23.
    case hour
    /// 0 = Monday to 6.
    case dayOfWeek
    /// 1 on Saturday and Sunday, 0 else.
    case weekend
    /// 1 from one hour (0 to 23) up to, but without, another, over midnight if that is earlier; 0 else.
    case night(from: Int, to: Int)
  }

  /// Whose clock it is.
  public enum Place: Sendable, Hashable {
    case utc
    /// A zone of the bundle, or a distance such as `+02:00`.
    case zone(String)
    /// A text field of the schema that has such a name: missing where it has none, or another.
    case field(Int)
  }

  public var part: Part
  public var place: Place

  /// `seconds` since the epoch on the local clock.
  func value(_ seconds: Int64) -> Double {
    let ofDay = Self.remainder(seconds, 86_400)
    let hour = Int(ofDay / 3_600)
    // 1970-01-01 was a Thursday; Monday is 0.
    let day = Int(Self.remainder(seconds + 3 * 86_400, 7 * 86_400) / 86_400)
    switch part {
    case .hour: return Double(hour)
    case .dayOfWeek: return Double(day)
    case .weekend: return day >= 5 ? 1 : 0
    case .night(let from, let to): return (from <= to ? hour >= from && hour < to : hour >= from || hour < to) ? 1 : 0
    }
  }

  /// Not negative, for times before 1970 too.
  static func remainder(_ value: Int64, _ modulus: Int64) -> Int64 {
    let remainder = value % modulus
    return remainder < 0 ? remainder + modulus : remainder
  }
}

/// The zones that a plan's calendar features may meet, found by the bytes of their names.
struct CalendarZones: Sendable {
  private let named: [(name: [UInt8], zone: Zone)]

  init(_ zones: ZoneTable) { named = zones.names.map { (Array($0.utf8), zones.zone($0)!) } }

  /// nil for a name that is neither a zone nor a distance.
  func zone(_ name: UnsafeBufferPointer<UInt8>) -> Zone? {
    for entry in named where entry.name.count == name.count && entry.name.elementsEqual(name) { return entry.zone }
    // Only what looks like a distance is worth a text.
    guard name.count == 6 || name.count == 3, let first = name.first, [43, 45, 85, 71].contains(first) else { return nil }
    return Zone.numeric(String(decoding: name, as: UTF8.self))
  }
}
