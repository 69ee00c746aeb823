import Glibc
import Models
import Wire

/// The live view: a block that is drawn anew on a terminal, a line a second elsewhere.
struct DemoScreen {
  private static let barWidth = 28

  private let total: Int
  private let latencyFrom: String
  private let isTerminal = isatty(STDOUT_FILENO) == 1
  private var drawnLines = 0
  private var last: (answered: Int, seconds: Double) = (0, 0)

  init(_ options: DemoOptions) {
    total = options.transactions
    latencyFrom = options.rate == nil ? "from enqueuing" : "from the due time"
  }

  var interval: Duration { isTerminal ? .milliseconds(200) : .seconds(1) }

  mutating func show(_ snapshot: DemoSnapshot, _ cluster: (status: Status?, problem: String?)) {
    let pace = pace(snapshot)
    guard isTerminal else {
      return Output.standard(Self.plain(snapshot, total, pace) + Self.clusterLine(cluster) + "\n")
    }
    draw(block(snapshot, pace, cluster))
  }

  /// Leaves the last picture, or a last line.
  mutating func finish(_ snapshot: DemoSnapshot, _ cluster: (status: Status?, problem: String?)) {
    let pace = snapshot.seconds > 0 ? Double(snapshot.answered) / snapshot.seconds : 0
    if isTerminal { draw(block(snapshot, pace, cluster)) } else { Output.standard(Self.plain(snapshot, total, pace) + "\n") }
  }

  /// Transactions a second since the picture before.
  private mutating func pace(_ snapshot: DemoSnapshot) -> Double {
    defer { last = (snapshot.answered, snapshot.seconds) }
    let seconds = snapshot.seconds - last.seconds
    return seconds > 0 ? Double(snapshot.answered - last.answered) / seconds : 0
  }

  // MARK: - Plain

  private static func plain(_ snapshot: DemoSnapshot, _ total: Int, _ pace: Double) -> String {
    "\(snapshot.answered * 100 / max(total, 1)) %  \(NumberText.grouped(snapshot.answered)) decided  \(NumberText.grouped(Int(pace)))/s  "
      + "\(latency(snapshot))  \(NumberText.grouped(snapshot.alertCount)) alerts"
  }

  private static func clusterLine(_ cluster: (status: Status?, problem: String?)) -> String {
    if let problem = cluster.problem { return "  (\(problem))" }
    guard let status = cluster.status else { return "" }
    let gone = status.nodes.filter { $0.state != .alive }.count
    let waiting = waitingPartitions(status)
    if gone == 0, waiting == 0 { return "" }
    return "  \(gone) nodes not alive, \(waiting) partitions don't serve"
  }

  private static func latency(_ snapshot: DemoSnapshot) -> String {
    guard let latency = snapshot.latency else { return "no decision yet" }
    return "p50 \(NumberText.fixed(latency.p50, 2)) ms  p99 \(NumberText.fixed(latency.p99, 2)) ms  "
      + "p99.9 \(NumberText.fixed(latency.p999, 2)) ms"
  }

  private static func waitingPartitions(_ status: Status) -> Int {
    let serving = Set(status.replicas.filter { $0.report.role == .primary }.map(\.report.partition))
    return status.map.partitions.filter { !serving.contains($0.id) }.count
  }

  // MARK: - Terminal

  private func block(_ snapshot: DemoSnapshot, _ pace: Double, _ cluster: (status: Status?, problem: String?)) -> [String] {
    let share = Double(snapshot.answered) / Double(max(total, 1))
    let filled = Int(share * Double(Self.barWidth))
    let mean = snapshot.seconds > 0 ? Double(snapshot.answered) / snapshot.seconds : 0
    let left = mean > 0 ? Double(total - snapshot.answered) / mean : 0
    var lines = [
      "",
      "  [\(String(repeating: "#", count: filled))\(String(repeating: "-", count: Self.barWidth - filled))] "
        + "\(NumberText.percent(share, 0))  \(NumberText.grouped(snapshot.answered)) of \(NumberText.grouped(total))  "
        + "\(NumberText.grouped(Int(pace)))/s  \(ProgressDisplay.duration(left)) left",
      "  latency     \(Self.latency(snapshot))  (\(latencyFrom))",
    ]
    lines += nodeLines(cluster)
    if let problem = snapshot.problem { lines.append("  last word   \(problem)") }
    lines.append("  alerts      \(NumberText.grouped(snapshot.alertCount))")
    for alert in snapshot.alerts.reversed() { lines.append(Self.line(alert)) }
    return lines
  }

  private func nodeLines(_ cluster: (status: Status?, problem: String?)) -> [String] {
    var lines: [String] = []
    if let problem = cluster.problem { lines.append("  coordinator \(problem)") }
    guard let status = cluster.status else { return lines }
    for (record, node) in zip(status.map.nodes, status.nodes).sorted(by: { $0.0.name < $1.0.name }) {
      let leads = status.map.partitions.filter { $0.primary?.node == record.id }.count
      let end = status.replicas.filter { $0.node == record.id && $0.report.role == .primary }
        .reduce(0) { $0 + Int($1.report.commit.rawValue) }
      lines.append(
        "  \(NumberText.padded(record.name, 11)) \(NumberText.padded("\(node.state)", 8)) leads \(leads) partitions, "
          + "\(NumberText.grouped(end)) log entries committed")
    }
    let count = status.map.partitions.count
    let inSync = status.map.partitions.filter { $0.isr.count == $0.replicas.count }.count
    lines.append("  partitions  \(count - Self.waitingPartitions(status)) of \(count) serve, \(inSync) with all replicas in sync")
    return lines
  }

  private static func line(_ alert: DemoAlert) -> String {
    var amount = Double(alert.amount)
    for _ in 0..<alert.currency.minorDigits { amount /= 10 }
    let money = "\(alert.currency) \(NumberText.fixed(amount, alert.currency.minorDigits))"
    let truth = alert.pattern.map { "planted: \($0.name)" } ?? "genuine"
    return "    \(NumberText.padded("\(alert.action)", 7)) \(NumberText.fixed(Double(alert.score), 3)) \(NumberText.right(money, 13))  "
      + "\(alert.reasons.joined(separator: ", "))  [\(truth)]"
  }

  private mutating func draw(_ lines: [String]) {
    let width = Self.terminalWidth()
    // Over the picture before; what is left of it below is cleared.
    var text = drawnLines > 0 ? "\u{1B}[\(drawnLines)A" : ""
    for line in lines { text += "\(line.prefix(width))\u{1B}[K\n" }
    text += "\u{1B}[J"
    drawnLines = lines.count
    Output.standard(text)
  }

  /// A longer line would take two rows, and the picture would creep upwards.
  private static func terminalWidth() -> Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}
