/// Builds the Prometheus text exposition format 0.0.4
/// (prometheus.io/docs/instrumenting/exposition_formats, *Text-based format*).
struct MetricsText {
  static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

  private(set) var text = ""

  mutating func append(_ family: MetricsRegistry.Family) {
    var samples = ""
    switch family.kind {
    case .counter:
      for series in family.series {
        let value = series.counters.reduce(0 as UInt64) { $0 &+ $1.value }
        if value == 0, family.isSparse { continue }
        samples += "\(family.name)\(series.labels.shown()) \(value)\n"
      }
    case .gauge: appendGauges(family, to: &samples)
    case .histogram: for series in family.series { appendHistogram(family.name, series, to: &samples) }
    }
    guard !samples.isEmpty else { return }
    text += "# HELP \(family.name) \(MetricLabels.escaped(family.help, quotes: false))\n"
    text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
    text += samples
  }

  private func appendGauges(_ family: MetricsRegistry.Family, to samples: inout String) {
    var order: [MetricLabels] = []
    var values: [MetricLabels: Double] = [:]
    func add(_ labels: MetricLabels, _ value: Double) {
      if values[labels] == nil { order.append(labels) }
      values[labels, default: 0] += value
    }
    for series in family.series {
      add(series.labels, series.gauges.reduce(0) { $0 + Double($1.value) })
    }
    for read in family.readings {
      for (labels, value) in read() { add(labels, value) }
    }
    for labels in order { samples += "\(family.name)\(labels.shown()) \(Self.number(values[labels]!))\n" }
  }

  private func appendHistogram(_ name: String, _ series: MetricsRegistry.Series, to samples: inout String) {
    guard let buckets = series.histograms.first?.buckets else { return }
    var reading = Histogram.Reading(counts: [UInt64](repeating: 0, count: buckets.bounds.count + 1), sum: 0)
    for histogram in series.histograms { histogram.add(to: &reading) }
    // The count is the buckets' sum rather than a number of its own: the three always agree.
    var total: UInt64 = 0
    for (bound, count) in zip(buckets.bounds, reading.counts) {
      total += count
      let le = Self.number(Double(bound) / buckets.rawPerUnit)
      samples += "\(name)_bucket\(series.labels.shown(adding: "le=\"\(le)\"")) \(total)\n"
    }
    total += reading.counts.last!
    samples += "\(name)_bucket\(series.labels.shown(adding: "le=\"+Inf\"")) \(total)\n"
    samples += "\(name)_sum\(series.labels.shown()) \(Self.number(Double(reading.sum) / buckets.rawPerUnit))\n"
    samples += "\(name)_count\(series.labels.shown()) \(total)\n"
  }

  /// As Go's ParseFloat reads it.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    if value == value.rounded(.towardZero), value.magnitude < 9_007_199_254_740_992 { return "\(Int64(value))" }
    return value.description
  }
}
