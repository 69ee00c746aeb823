import Histogram

/// How long rows took from their due time to their outcome, in a histogram for each kind of outcome. Three significant
/// digits, from a microsecond to an hour; longer counts as an hour.
public struct LatencyRecorder: Sendable {
  /// Milliseconds.
  public struct Summary: Sendable, Codable, Equatable {
    public var count: UInt64
    public var p50: Double
    public var p99: Double
    public var p999: Double
    public var max: Double
  }

  private static let microsecondsMax: UInt64 = 3_600_000_000
  private var histograms = RowAnswer.Kind.allCases.map { _ in
    Histogram<UInt32>(highestTrackableValue: microsecondsMax, numberOfSignificantValueDigits: .three)
  }

  public init() {}

  public mutating func record(_ kind: RowAnswer.Kind, nanoseconds: Int64) {
    let microseconds = UInt64(Swift.max(nanoseconds, 0)) / 1000
    histograms[Int(kind.rawValue)].record(Swift.min(microseconds, Self.microsecondsMax))
  }

  /// nil where no row had this outcome.
  public func summary(_ kind: RowAnswer.Kind) -> Summary? {
    let histogram = histograms[Int(kind.rawValue)]
    guard histogram.totalCount > 0 else { return nil }
    func milliseconds(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1000 }
    return Summary(
      count: histogram.totalCount, p50: milliseconds(50), p99: milliseconds(99), p999: milliseconds(99.9),
      max: Double(histogram.max) / 1000)
  }

  /// The distribution of one kind, in microseconds, for programs that print more of it.
  public func histogram(_ kind: RowAnswer.Kind) -> Histogram<UInt32> { histograms[Int(kind.rawValue)] }

  public mutating func add(_ other: LatencyRecorder) {
    for index in histograms.indices { histograms[index].add(other.histograms[index]) }
  }
}
