/// How foreign columns or keys become a transaction's fields. A field without a rule keeps its canonical name.
///
/// Card numbers are refused, not tokenised, by every mapping: a token must be made before the data comes here, with a
/// key that this cluster doesn't hold.
public struct FieldMapping: Equatable, Sendable {
  public enum Target: Hashable, Sendable {
    case field(TransactionField)
    /// An extra field, by its name in the schema.
    case extra(String)

    var name: String {
      switch self {
      case .field(let field): field.name
      case .extra(let name): name
      }
    }
  }

  public enum Source: Equatable, Sendable {
    case column(String)
    case constant(String)
  }

  public enum TimeFormat: Equatable, Sendable {
    /// RFC 3339 text with an offset, or a whole number of milliseconds since the epoch.
    case automatic
    /// ISO 8601 text; `defaultOffset` (minutes east of UTC) holds for text without an offset, nil refuses it.
    case iso8601(defaultOffset: Int?)
    /// Seconds since the epoch, with or without a fraction.
    case epochSeconds
    case epochMilliseconds
    case pattern(TimePattern, offsetMinutes: Int)
  }

  public struct Rule: Equatable, Sendable {
    public var target: Target
    public var source: Source
    /// For `event_time` only.
    public var time: TimeFormat
    /// Replaces the source's values; a value that isn't a key is refused. Nil takes values as they are.
    public var values: [String: String]?

    public init(_ target: Target, from source: Source, time: TimeFormat = .automatic, values: [String: String]? = nil) {
      self.target = target
      self.source = source
      self.time = time
      self.values = values
    }
  }

  public var rules: [Rule]

  public init(rules: [Rule]) { self.rules = rules }

  /// All fields under their own names.
  public static let canonical = FieldMapping(rules: [])
}

/// A mapping that can't be used: where in the file, and what to change.
public struct FieldMappingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// From 1; 0 where the file as a whole is at fault.
  public var line: Int
  public var message: String

  public init(line: Int, _ message: String) {
    self.line = line
    self.message = message
  }

  public var description: String { line > 0 ? "field mapping, line \(line): \(message)" : "field mapping: \(message)" }
}
