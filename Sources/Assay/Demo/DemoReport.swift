import Client
import Foundation

/// The end of a demonstration: what a person reads, and the same as JSON.
struct DemoReport: Codable, Sendable {
  struct Latency: Codable, Sendable {
    var p50: Double
    var p99: Double
    var p999: Double
    var max: Double
  }

  struct Verdicts: Codable, Sendable {
    var approve: Int
    var review: Int
    var decline: Int
  }

  struct Files: Codable, Sendable {
    /// Each holds the decisions, alerts and quarantine of one worker.
    var outboxes: [String]
    var data: String
  }

  var submitted: Int
  var decided: Int
  /// Submitted, not quarantined, and in no file of decisions.
  var lost: Int
  /// In the files of decisions more than once.
  var duplicated: Int
  var quarantined: Int
  var quarantineReasons: [String: Int]
  /// Not decided in time as far as the client heard.
  var failed: Int
  var sentAgain: Int
  var seconds: Double
  var decisionsPerSecond: Double
  var latencyMs: Latency
  var latencyFrom: String
  var averagePrecision: Double
  var precision: Double
  var recall: Double
  var falsePositiveRate: Double
  var patterns: [DemoResult.PatternCount]
  var verdicts: Verdicts
  var cpuSeconds: Double
  var cpuMicrosecondsPerDecision: Double
  var workers: Int
  var partitions: Int
  var replicas: Int
  var seed: UInt64
  var files: Files

  var isGood: Bool { lost == 0 && duplicated == 0 }

  func json() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(self)) + [UInt8(ascii: "\n")]
  }

  var text: String {
    var text = "\n"
    func line(_ label: String, _ value: String) { text += "  \(NumberText.padded(label, 24))\(value)\n" }
    func count(_ value: Int) -> String { NumberText.grouped(value) }
    line("submitted", count(submitted))
    line("decided", "\(count(decided)) in \(NumberText.fixed(seconds, 2)) s, \(count(Int(decisionsPerSecond)))/s")
    line("lost, duplicated", "\(count(lost)), \(count(duplicated))  (counted in the workers' files of decisions)")
    line("quarantined", count(quarantined))
    for (reason, number) in quarantineReasons.sorted(by: { $0.key < $1.key }) { line("", "\(count(number))  \(reason)") }
    if sentAgain > 0 { line("sent again", count(sentAgain)) }
    line(
      "latency",
      "p50 \(NumberText.fixed(latencyMs.p50, 2)) ms, p99 \(NumberText.fixed(latencyMs.p99, 2)) ms, "
        + "p99.9 \(NumberText.fixed(latencyMs.p999, 2)) ms, max \(NumberText.fixed(latencyMs.max, 2)) ms, \(latencyFrom)")
    line(
      "CPU", "\(NumberText.fixed(cpuSeconds, 2)) s in all processes, \(NumberText.fixed(cpuMicrosecondsPerDecision, 2)) µs a decision")
    line("verdicts", "\(count(verdicts.approve)) approve, \(count(verdicts.review)) review, \(count(verdicts.decline)) decline")
    line(
      "against the labels",
      "precision \(NumberText.fixed(precision, 3)), recall \(NumberText.fixed(recall, 3)), "
        + "average precision \(NumberText.fixed(averagePrecision, 3)), "
        + "\(NumberText.percent(falsePositiveRate, 2)) of the genuine flagged")
    text += "\n"
    line("planted fraud", "flagged of planted")
    for pattern in patterns {
      line(
        "  \(pattern.pattern)",
        "\(NumberText.right(NumberText.percent(pattern.recall, 0), 6))  \(count(pattern.flagged)) of \(count(pattern.planted))")
    }
    text += "\n"
    for outbox in files.outboxes { line("files", "\(outbox)/{decisions,alerts,quarantine}-*.ndjson") }
    return text
  }
}
