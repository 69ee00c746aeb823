import Wire

/// One declared feature: a number computed for each transaction from its own fields and its entity's history.
public struct Feature: Sendable, Hashable {
  /// Stable: models, rules and logged vectors refer to it.
  public let name: String
  /// Whose history it is of. Means nothing for what needs none: fields of the transaction itself and ratios.
  public let entity: EntityKind
  public let aggregate: Aggregate

  public init(name: String, entity: EntityKind = .card, aggregate: Aggregate) {
    self.name = name
    self.entity = entity
    self.aggregate = aggregate
  }
}

/// Events with time in `(t - lag - length, t - lag]`, ms; t is the event time of the transaction itself.
public struct Window: Sendable, Hashable {
  public static var lengthMax: Int64 { 90 * 86_400_000 }
  public let length: Int64
  public let lag: Int64
  /// ms. What a hot entity's ring has dropped counts by stretches of this length, which begin at its multiples; nil: it does not
  /// count, and the decision is flagged. As long as the ring has the whole window, it changes nothing.
  ///
  /// Error: of dropped events alone, both edges of the window lie up to `resolution` too late. A distinct count is an estimate then
  /// (standard error 2.3 %, `DistinctSketch`), and that of a transaction older than its entity's newest counts later values, too.
  public let resolution: Int64?

  public init(length: Int64, lag: Int64 = 0, resolution: Int64? = nil) {
    precondition(
      length > 0 && length <= Self.lengthMax && lag >= 0 && lag <= Self.lengthMax, "a window of up to 90 days")
    self.length = length
    self.lag = lag
    self.resolution = resolution
  }

  /// How far back from t the window reaches, ms.
  var reach: Int64 { length + lag }
}

/// How a feature's number comes about. NaN stands for *missing* throughout.
public enum Aggregate: Sendable, Hashable {
  /// Over a window's amounts (minor units as they are: no conversion between currencies).
  public enum Statistic: UInt8, Sendable, CaseIterable {
    /// 0 for an empty window; the others but `sum` are missing then.
    case count
    /// Exact integer, rounded once to a Double.
    case sum
    case mean
    case min
    case max
    /// Sample standard deviation (divisor n - 1), missing below two events.
    case stddev
    /// (amount of this transaction - mean) / stddev, missing where stddev is 0 or missing.
    case zscore
  }

  /// A field of the transaction itself.
  public enum OwnField: Sendable, Hashable {
    /// Minor units.
    case amount
    /// Hour of the day, UTC, 0 to 23.
    case hour
    /// Day of the week, UTC, 0 = Monday to 6.
    case dayOfWeek
    /// A code as a number; missing where the transaction has none.
    case code(EventField)
    /// An extra field of the schema: a number, an integer, a flag as 0 or 1.
    case extra(Int)
  }

  /// What a ratio divides.
  public enum Numerator: Sendable, Hashable {
    case amount
    case feature(Int)
  }

  case statistic(Statistic, Window, EventFilter?)
  /// Of the window's events that pass, the part known to be fraud when the transaction is decided; missing where there is none.
  case fraudShare(Window, EventFilter?)
  /// Different values of a field; events without the field don't count.
  case distinct(EventField, Window, EventFilter?)
  /// 1 where no earlier event of the window (of lag 0) has this transaction's value, else 0; missing without a value.
  case isNew(EventField, Window)
  /// Seconds between this transaction and the last event before it that passes the filter. Without a length there is
  /// no limit to how old that is; with one, an event `length` ms back or older is missing.
  case secondsSinceLast(length: Int64?, EventFilter?)
  /// The code that the event before this transaction has.
  case last(EventField)
  case lastAmount
  /// 1 where this transaction's value differs from that of the event before, 0 where not, missing where either lacks it.
  case changed(EventField)
  case own(OwnField)
  case calendar(Calendar)
  /// Kilometres from the last place of the card, as the crow flies; missing if that is `length` ms back or older. Places are the
  /// schema's coordinates (`location`) or those of the IP address (`ipLocation`).
  case distance(length: Int64, from: EventField)
  /// That distance by the time since, km/h; a second at least counts as passed.
  case speed(length: Int64, from: EventField)
  /// Numerator / the feature's value; missing where that is 0 or missing.
  case ratio(Numerator, by: Int)

  /// How many of the window's events that pass are known to be fraud when the transaction is decided. A label that comes later
  /// changes no earlier value.
  static func fraudCount(_ window: Window, _ filter: EventFilter?) -> Aggregate { .statistic(.count, window, .fraud(filter)) }

  /// How far back it asks for labels, ms; 0 for not at all.
  var labelReach: Int64 {
    switch self {
    case .fraudShare(let window, _): window.reach
    case .statistic(_, let window, let filter?) where filter.asksForLabels: window.reach
    default: 0
    }
  }
}

extension Aggregate {
  /// The fields of events that it looks at.
  var fields: Set<EventField> {
    switch self {
    case .statistic(_, _, let filter), .fraudShare(_, let filter), .secondsSinceLast(_, let filter):
      Set(filter?.conditions.map(\.field) ?? [])
    case .distinct(let field, _, let filter): Set([field] + (filter?.conditions.map(\.field) ?? []))
    case .isNew(let field, _), .last(let field), .changed(let field), .own(.code(let field)): [field]
    case .distance(_, let place), .speed(_, let place): [place]
    case .lastAmount, .own, .calendar, .ratio: []
    }
  }
}

extension Aggregate {
  /// How far back its window reaches into events that are kept one by one; 0 for one with a resolution.
  var exactReach: Int64 {
    switch self {
    case .statistic(_, let window, _), .distinct(_, let window, _), .isNew(_, let window), .fraudShare(let window, _):
      window.resolution == nil ? window.reach : 0
    case .secondsSinceLast(let length?, _?), .distance(let length, _), .speed(let length, _): length
    case .secondsSinceLast, .last, .lastAmount, .changed, .own, .calendar, .ratio: 0
    }
  }
}

extension Feature {
  /// What may be wrong with its value for an entity with more events than are kept one by one (W1); nil without a resolution.
  public var errorBound: String? {
    switch aggregate {
    case .statistic(_, let window, _):
      window.resolution.map { "both edges of the window lie up to \(DurationText.text(milliseconds: $0)) too late for older ones" }
    case .distinct(_, let window, _):
      window.resolution.map {
        "an estimate with a standard error of 2.3 %, of a window that is up to \(DurationText.text(milliseconds: $0)) shorter"
      }
    default: nil
    }
  }
}
