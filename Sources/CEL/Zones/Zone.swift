/// A time zone: its distance from UTC at any moment.
public struct Zone: Sendable, Hashable {
  /// Ascending, in seconds since the epoch.
  let transitions: [Int64]
  /// Seconds east of UTC from the transition of the same index on.
  let distances: [Int64]
  /// Before the first transition.
  let first: Int64
  /// Behind the last transition.
  let rule: ZoneRule?

  public static let utc = fixed(0)

  static func fixed(_ distance: Int64) -> Zone { Zone(transitions: [], distances: [], first: distance, rule: nil) }

  /// Seconds east of UTC.
  public func distance(at seconds: Int64) -> Int64 {
    guard let last = transitions.last else { return rule?.distance(at: seconds) ?? first }
    if seconds >= last { return rule?.distance(at: seconds) ?? distances[distances.count - 1] }
    var low = 0
    var high = transitions.count
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle] <= seconds { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? first : distances[low - 1]
  }

  /// `+11:00`, `-02:30`, `02:00`, `UTC`; nil for anything else.
  public static func numeric(_ text: String) -> Zone? {
    if text == "UTC" || text == "Z" || text == "GMT" { return fixed(0) }
    var scanner = DigitScanner(text)
    let sign: Int64 = scanner.take("-") ? -1 : 1
    if sign > 0 { _ = scanner.take("+") }
    guard let hours = scanner.digits(2), scanner.take(":"), let minutes = scanner.digits(2), scanner.isAtEnd, hours < 24, minutes < 60
    else { return nil }
    return fixed(sign * (hours * 3600 + minutes * 60))
  }
}

/// The zones with names that expressions may use. What a rule decides may not depend on the files of the machine that it
/// happens to run on (R14), so their data belongs to whoever builds the program and travels with it.
public struct ZoneTable: Sendable, Hashable {
  private var zones: [String: Zone] = [:]

  public init() {}

  /// - Throws: `ZoneError` if the bytes are no TZif file (RFC 9636).
  public mutating func add(_ name: String, tzif bytes: [UInt8]) throws(ZoneError) {
    zones[name] = try TZifReader.zone(bytes)
  }

  public var names: [String] { zones.keys.sorted() }

  /// Distances such as `+02:00` are always known.
  public func zone(_ name: String) -> Zone? { zones[name] ?? Zone.numeric(name) }
}

public struct ZoneError: Error, Sendable, CustomStringConvertible {
  public var message: String
  public var description: String { message }
}
