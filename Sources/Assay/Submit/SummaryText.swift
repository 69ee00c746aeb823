import Client
import Foundation
import Wire

/// A submission's end in words and as JSON.
enum SummaryText {
  static func print(_ summary: SubmitSummary, file: String, decisions: String?, hasSchema: Bool) {
    Swift.print(text(summary, file: file, decisions: decisions, hasSchema: hasSchema), terminator: "")
  }

  static func text(_ summary: SubmitSummary, file: String, decisions: String?, hasSchema: Bool) -> String {
    let counters = summary.counters
    var text = ""
    func line(_ label: String, _ value: String) {
      text += "  \(label.padding(toLength: 18, withPad: " ", startingAt: 0))\(value)\n"
    }
    if summary.wasDone {
      text += "\(file) was submitted before: nothing was sent. (--again starts over.)\n"
    } else if summary.isComplete {
      text += "\(file) is done.\n"
    } else {
      text += "\(file) is not done: run the same command again to go on from line \(summary.nextLine).\n"
    }
    line("decided", "\(counters.decided)")
    line("already decided", "\(counters.alreadyDecided)")
    line("alerts", "\(counters.alerts)")
    if counters.quarantined > 0 { line("unreadable lines", "\(counters.quarantined), in the cluster's quarantine") }
    for (reason, count) in counters.unreadable.sorted(by: { $0.key < $1.key }) { line("", "\(count)  \(reason)") }
    for (reason, count) in counters.rejected.sorted(by: { $0.key < $1.key }) { line("rejected", "\(count)  \(reason)") }
    for (name, count) in summary.unknown.sorted(by: { $0.key < $1.key }) {
      line("passed over", "\(UnknownKeysText.quoted(name)) in \(count) rows: no field has that name")
    }
    if summary.failed > 0 { line("failed", "\(summary.failed)") }
    if !summary.wasDone {
      line("time", "\(fixed(summary.elapsed, 2)) s for \(summary.rows) rows, \(Int(summary.rate)) rows/s")
      if summary.resent > 0 { line("sent again", "\(summary.resent)\(causes(summary.retries))") }
      if summary.retries.slowdowns > 0 { line("slowed down", "\(summary.retries.slowdowns) times: workers were busy") }
      if summary.retries.held > 0 { line("retries held", "\(summary.retries.held): the retry budget was used up") }
    }
    if let latency = summary.latency {
      line(
        "latency",
        "p50 \(fixed(latency.p50, 2)) ms, p99 \(fixed(latency.p99, 2)) ms, p99.9 \(fixed(latency.p999, 2)) ms, "
          + "max \(fixed(latency.max, 2)) ms")
    }
    if let decisions, summary.isComplete { line("decisions", decisions) }
    for example in summary.examples { text += "  \(example)\n" }
    // The fixed fields are seen to before a row is sent: what the cluster misses is one that the bundle declares.
    if !hasSchema, counters.rejected[RejectReason.missingField.code] != nil {
      text += "  The bundle's schema declares fields that this file was read without: give its schema.yaml by --schema\n"
    }
    if let problem = summary.problem { text += "  The cluster's last word: \(problem)\n" }
    return text
  }

  private static func causes(_ retries: SubmitRetries) -> String {
    let parts = retries.causes.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }
    return parts.isEmpty ? "" : " (" + parts.map { "\($0.key) \($0.value)" }.joined(separator: ", ") + ")"
  }

  static func json(_ summary: SubmitSummary) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    return try encoder.encode(summary) + Data("\n".utf8)
  }

  private static func fixed(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }
}
