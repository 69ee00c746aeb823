import Wire

/// What had to be sent again, and why.
public struct SubmitRetries: Codable, Equatable, Sendable {
  /// Rows sent more than once, each time counted.
  public var rows = 0
  /// Of these, by the code of the failure that came before.
  public var causes: [String: Int] = [:]
  /// How often a worker said that it is busy, and was given less.
  public var slowdowns = 0
  /// Rows whose next try waited for the retry budget, each time counted.
  public var held = 0

  public init() {}

  mutating func sentAgain(_ code: FailureCode, _ count: Int) {
    rows += count
    causes[code.name, default: 0] += count
  }
}
