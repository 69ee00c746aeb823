import Synchronization

/// Every metric of a process, and their text for Prometheus.
///
/// Asking for a counter, a gauge or a histogram of a name and labels that exist already gives a further cell of the
/// same series: each event loop asks once and then counts in cells of its own. The lock is taken when a cell is made
/// and when the text is made, never while counting.
///
/// Names start with `assay_` and end with their unit (`_seconds`, `_bytes`, `_total`); a name with another kind or help
/// than before is a bug, and traps.
public final class MetricsRegistry: Sendable {
  /// What a gauge that is read on demand gives: one value for each set of labels.
  public typealias Readings = @Sendable () -> [(MetricLabels, Double)]

  struct Family {
    enum Kind: String { case counter, gauge, histogram }

    let name: String
    let help: String
    let kind: Kind
    /// Series that have counted nothing are left out: for label sets of which most never occur.
    let isSparse: Bool
    var series: [Series] = []
    var places: [MetricLabels: Int] = [:]
    var readings: [Readings] = []
  }

  struct Series {
    let labels: MetricLabels
    var counters: [Counter] = []
    var gauges: [Gauge] = []
    var histograms: [Histogram] = []
  }

  private struct State {
    var families: [Family] = []
    var places: [String: Int] = [:]
  }

  private let state = Mutex(State())

  public init() {}

  public func counter(_ name: String, _ help: String, _ labels: MetricLabels = .none, isSparse: Bool = false) -> Counter {
    precondition(name.hasSuffix("_total"), "a counter's name ends with _total: `\(name)`")
    let counter = Counter()
    change(name, help, .counter, isSparse) { $0.withSeries(labels) { $0.counters.append(counter) } }
    return counter
  }

  public func gauge(_ name: String, _ help: String, _ labels: MetricLabels = .none) -> Gauge {
    let gauge = Gauge()
    change(name, help, .gauge, false) { $0.withSeries(labels) { $0.gauges.append(gauge) } }
    return gauge
  }

  /// A gauge that is read whenever the text is made, on whatever thread makes it: `read` must be quick.
  public func gauge(_ name: String, _ help: String, _ labels: MetricLabels = .none, read: @escaping @Sendable () -> Double) {
    gauges(name, help) { [(labels, read())] }
  }

  /// As `gauge(_:_:_:read:)`, for labels that come and go.
  public func gauges(_ name: String, _ help: String, read: @escaping Readings) {
    change(name, help, .gauge, false) { $0.readings.append(read) }
  }

  public func histogram(
    _ name: String, _ help: String, _ labels: MetricLabels = .none, buckets: HistogramBuckets = .latency
  ) -> Histogram {
    let histogram = Histogram(buckets)
    change(name, help, .histogram, false) {
      $0.withSeries(labels) { series in
        precondition(series.histograms.allSatisfy { $0.buckets == buckets }, "`\(name)` has other buckets elsewhere")
        series.histograms.append(histogram)
      }
    }
    return histogram
  }

  /// All metrics in the Prometheus text format 0.0.4, families in the order in which they came to be.
  public func text() -> String {
    let families = state.withLock { $0.families }
    var text = MetricsText()
    for family in families { text.append(family) }
    return text.text
  }

  private func change(_ name: String, _ help: String, _ kind: Family.Kind, _ isSparse: Bool, _ body: (inout Family) -> Void) {
    precondition(name.hasPrefix("assay_") && MetricLabels.isName(name, colons: true), "`\(name)` is not a metric's name")
    state.withLock { state in
      let place = state.places[name] ?? state.families.count
      if place == state.families.count {
        state.places[name] = place
        state.families.append(Family(name: name, help: help, kind: kind, isSparse: isSparse))
      }
      let family = state.families[place]
      precondition(family.kind == kind && family.help == help, "`\(name)` is declared twice, and differently")
      body(&state.families[place])
    }
  }
}

extension MetricsRegistry.Family {
  fileprivate mutating func withSeries(_ labels: MetricLabels, _ body: (inout MetricsRegistry.Series) -> Void) {
    let place = places[labels] ?? series.count
    if place == series.count {
      places[labels] = place
      series.append(MetricsRegistry.Series(labels: labels))
    }
    body(&series[place])
  }
}
