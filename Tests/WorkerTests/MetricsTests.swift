import Testing
import Wire

@testable import Worker

/// Counting, and the text that Prometheus reads.
@Suite struct MetricsTests {
  @Test func cellsOfOneSeriesAreSummed() throws {
    let registry = MetricsRegistry()
    let cells = (0..<3).map { _ in registry.counter("assay_tries_total", "Tries.", ["kind": "a"]) }
    for (index, cell) in cells.enumerated() { cell.add(index + 1) }
    registry.counter("assay_tries_total", "Tries.", ["kind": "b"]).add(40)
    #expect(
      registry.text() == """
        # HELP assay_tries_total Tries.
        # TYPE assay_tries_total counter
        assay_tries_total{kind="a"} 6
        assay_tries_total{kind="b"} 40

        """)
  }

  @Test func nothingIsLostWhenManyThreadsCount() async throws {
    let registry = MetricsRegistry()
    let counter = registry.counter("assay_tries_total", "Tries.")
    let histogram = registry.histogram("assay_size_bytes", "Sizes.", buckets: .powers(of: 2, count: 4))
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for i in 0..<10_000 as Range<UInt64> {
            counter.add()
            histogram.observe(i % 20)
          }
        }
      }
    }
    let metrics = try PrometheusText(registry.text())
    #expect(metrics["assay_tries_total"] == 80_000)
    #expect(metrics["assay_size_bytes_count"] == 80_000 && metrics["assay_size_bytes_sum"] == 760_000)
    #expect(metrics["assay_size_bytes_bucket", "le", "8"] == 36_000)
  }

  @Test func aHistogramCountsEachValueInItsBucketAndAllAbove() throws {
    let registry = MetricsRegistry()
    let first = registry.histogram("assay_wait_seconds", "Waits.", ["loop": "x"])
    let second = registry.histogram("assay_wait_seconds", "Waits.", ["loop": "x"])
    first.observe(10_000)  // on a bound: it belongs below
    first.observe(10_001)
    second.observe(3_000_000, times: 4)
    second.observe(60_000_000_000)
    let metrics = try PrometheusText(registry.text())
    func upTo(_ le: String) -> Double? { metrics["assay_wait_seconds_bucket", "le", le] }
    #expect(upTo("1e-05") == 1 && upTo("1.5e-05") == 2 && upTo("0.002") == 2 && upTo("0.003") == 6 && upTo("10") == 6)
    #expect(upTo("+Inf") == 7 && metrics["assay_wait_seconds_count"] == 7)
    #expect(abs(metrics["assay_wait_seconds_sum"]! - 60.012020001) < 1e-9)
    let bounds = HistogramBuckets.latency.bounds
    for (index, bound) in bounds.enumerated() {
      #expect(HistogramBuckets.latency.index(of: bound) == index && HistogramBuckets.latency.index(of: bound + 1) == index + 1)
    }
  }

  @Test func gaugesAreReadWhenAskedAndSummedOverLoops() throws {
    let registry = MetricsRegistry()
    let loops = (0..<2).map { _ in registry.gauge("assay_connections", "Connections.") }
    loops[0].add(5)
    loops[0].add(-2)
    loops[1].set(4)
    registry.gauges("assay_partitions", "Partitions.") { [(["role": "primary"], 2), (["role": "follower"], 1)] }
    registry.gauges("assay_partitions", "Partitions.") { [(["role": "primary"], 3)] }
    registry.gauge("assay_odd", "Odd values.", ["k": "nan"]) { .nan }
    registry.gauge("assay_odd", "Odd values.", ["k": "inf"]) { -.infinity }
    let text = registry.text()
    #expect(text.contains("assay_odd{k=\"nan\"} NaN\n") && text.contains("assay_odd{k=\"inf\"} -Inf\n"))
    let metrics = try PrometheusText(text)
    #expect(metrics["assay_connections"] == 7)
    #expect(metrics["assay_partitions", "role", "primary"] == 5 && metrics["assay_partitions", "role", "follower"] == 1)
  }

  @Test func labelsAndHelpAreEscaped() throws {
    let registry = MetricsRegistry()
    let odd = "a\"b\\c\nd\u{e9}"
    registry.gauge("assay_bundle_info", "Line one\nand \\ two \"quoted\".", ["name": odd]) { 1 }
    let text = registry.text()
    #expect(text.contains(#"# HELP assay_bundle_info Line one\nand \\ two "quoted"."#))
    #expect(text.contains(#"assay_bundle_info{name="a\"b\\c\nd\#u{e9}"} 1"#))
    #expect(try PrometheusText(text)["assay_bundle_info", "name", odd] == 1)
  }

  @Test func familiesWithoutASampleAreLeftOut() {
    let registry = MetricsRegistry()
    _ = registry.counter("assay_rare_total", "Rare.", ["code": "x"], isSparse: true)
    registry.gauges("assay_links", "Links.") { [] }
    #expect(registry.text() == "")
    registry.counter("assay_rare_total", "Rare.", ["code": "x"], isSparse: true).add()
    #expect(registry.text().hasSuffix("assay_rare_total{code=\"x\"} 1\n"))
  }

  @Test func aWorkersMetricsAreReadable() throws {
    let registry = MetricsRegistry()
    let loops = [WorkerMetrics(registry), WorkerMetrics(registry)]
    WorkerGauges(
      journalPendingBytes: { 512 }, partitions: { [("primary", 3)] }, entities: { 7 }, stateBytes: { 4096 }, exchange: { (2, 5) },
      links: { [("coordinator", 1)] }, bundles: { [.init(id: BundleID(high: 1, low: 2), name: "cards \"v1\"")] }
    ).register(in: registry)
    let fraud = Decision(score: 1, action: .decline, verdict: .potentialFraud, flags: [], reasons: Decision.noReasons)
    let exchanges = [ExchangeMetrics(registry), ExchangeMetrics(registry)]
    #expect(try PrometheusText(registry.text())["assay_exchange_sent_total"] == nil, "there is no exchange yet")
    for exchange in exchanges {
      var counts = ExchangeCounts()
      (counts.sent, counts.sentAgain, counts.answered, counts.answeredLate, counts.heldBack) = (7, 1, 6, 2, 3)
      exchange.add(counts)
      exchange.degraded(.window, 4)
    }
    for loop in loops {
      loop.decided(fraud)
      loop.rejected(.retryBeforeHorizon)
      loop.retried(.internal)
      loop.duplicates.add(2)
      loop.decisionLatency.observe(1_000_000, times: 128)
      loop.syncLatency.observe(80_000)
    }
    let metrics = try PrometheusText(registry.text())
    #expect(metrics["assay_decisions_total", "action", "decline"] == 2)
    #expect(metrics["assay_decisions_total", "verdict", "potential_fraud"] == 2)
    #expect(metrics["assay_rejected_total", "reason", "retry_before_horizon"] == 2)
    #expect(metrics["assay_rejected_total", "reason", "malformed"] == 0)
    #expect(metrics["assay_retries_answered_total", "code", "internal"] == 2)
    #expect(metrics["assay_duplicates_total"] == 4 && metrics["assay_decision_latency_seconds_count"] == 256)
    #expect(metrics["assay_journal_pending_bytes"] == 512 && metrics["assay_journal_fsync_seconds_count"] == 2)
    #expect(metrics["assay_bundle_info", "name", "cards \"v1\""] == 1)
    let exchanged = ["sent", "sent_again", "answered", "answered_late", "held_back"].map { metrics["assay_exchange_\($0)_total"] }
    #expect(exchanged == [14, 2, 12, 4, 6] && metrics["assay_degraded_total", "reason", "window"] == 8)
    #expect(metrics["assay_exchange_open_payments"] == 2 && metrics["assay_exchange_owed"] == 5)
    #expect(metrics["assay_entities"] == 7 && metrics["assay_state_bytes"] == 4096)
  }
}

/// A strict reader of the text format 0.0.4: families are declared before their samples and stand together, names and
/// labels are well-formed, no series stands twice, buckets rise and agree with their count.
struct PrometheusText {
  struct Defect: Error { var line: Substring, what: String }
  struct Sample { var name: String, labels: [String: String], value: Double }

  private(set) var samples: [Sample] = []

  init(_ text: String) throws {
    var types: [Substring: Substring] = [:]
    var family: Substring?
    var seen: Set<String> = []
    guard text.isEmpty || text.hasSuffix("\n") else { throw Defect(line: text.suffix(20), what: "no line end") }
    for line in text.split(separator: "\n") {
      if line.hasPrefix("#") {
        let parts = line.split(separator: " ", maxSplits: 3)
        guard parts.count == 4 else { throw Defect(line: line, what: "not HELP or TYPE") }
        if parts[1] == "TYPE" {
          guard types[parts[2]] == nil, parts[2] == family, ["counter", "gauge", "histogram"].contains(parts[3]) else {
            throw Defect(line: line, what: "a type out of place")
          }
          types[parts[2]] = parts[3]
        } else {
          guard parts[1] == "HELP", types[parts[2]] == nil else { throw Defect(line: line, what: "help out of place") }
          family = parts[2]
        }
        continue
      }
      let sample = try Self.sample(line)
      guard let family, let type = types[family] else { throw Defect(line: line, what: "an undeclared sample") }
      let suffixes = type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
      guard suffixes.contains(where: { family + $0 == sample.name }) else { throw Defect(line: line, what: "of another family") }
      guard type != "counter" || (sample.name.hasSuffix("_total") && sample.value >= 0) else {
        throw Defect(line: line, what: "no counter")
      }
      guard seen.insert(String(line[..<line.lastIndex(of: " ")!])).inserted else { throw Defect(line: line, what: "twice") }
      if sample.name.hasSuffix("_bucket"), let last = samples.last, last.name == sample.name, last.value > sample.value,
        last.labels["le"] != "+Inf"
      {
        throw Defect(line: line, what: "buckets fall")
      }
      samples.append(sample)
    }
  }

  subscript(name: String) -> Double? { samples.first { $0.name == name }?.value }

  subscript(name: String, label: String, value: String) -> Double? {
    samples.first { $0.name == name && $0.labels[label] == value }?.value
  }

  private static func sample(_ line: Substring) throws -> Sample {
    var rest = line
    let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == ":" }
    rest = rest.dropFirst(name.count)
    guard name.hasPrefix("assay_") else { throw Defect(line: line, what: "a name") }
    var labels: [String: String] = [:]
    if rest.first == "{" {
      repeat {
        rest = rest.dropFirst()
        let label = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        rest = rest.dropFirst(label.count)
        guard !label.isEmpty, rest.hasPrefix("=\"") else { throw Defect(line: line, what: "a label") }
        rest = rest.dropFirst(2)
        var value = ""
        while let character = rest.popFirst(), character != "\"" {
          guard character == "\\" else {
            value.append(character)
            continue
          }
          switch rest.popFirst() {
          case "n": value.append("\n")
          case "\\": value.append("\\")
          case "\"": value.append("\"")
          default: throw Defect(line: line, what: "an escape")
          }
        }
        labels[String(label)] = value
      } while rest.first == ","
      guard rest.popFirst() == "}" else { throw Defect(line: line, what: "no brace") }
    }
    guard rest.popFirst() == " " else { throw Defect(line: line, what: "no space") }
    let value: Double? =
      switch rest {
      case "NaN": .nan
      case "+Inf": .infinity
      case "-Inf": -.infinity
      default: Double(rest)
      }
    guard let value else { throw Defect(line: line, what: "a value") }
    return Sample(name: String(name), labels: labels, value: value)
  }
}
