import Foundation
import Testing

/// Features of other entities in a cluster of real processes, whose partitions exchange while one of them is killed.
@Suite(.serialized)
struct EntityTests {
  private static let terminals = 7
  private static let bundle = [
    "bundle.yaml": "version: 1\nname: terminals\nfeatures: features.yaml\n",
    "features.yaml": """
    version: 1
    features:
      - {name: count, aggregate: count, window: 90d}
      - {name: terminal_count, entity: terminal, aggregate: count, window: 90d}
      - {name: terminal_cards, entity: terminal, aggregate: distinct, of: card, window: 90d}
      - {name: share, aggregate: ratio, of: count, by: terminal_count}
    """,
  ]

  private func payment(_ id: String, _ number: Int) -> String {
    let time = String(format: "2026-01-05T%02d:%02d:%02dZ", number / 3_600, number / 60 % 60, number % 60)
    return #"{"transaction_id":"\#(id)","event_time":"\#(time)","amount":1.00,"currency":"EUR","card":"card-\#(number % 97)","#
      + #""terminal":"terminal-\#(number % Self.terminals)"}"#
  }

  /// `features.NAME` of a decision's line; nil where it is missing.
  private func feature(_ name: String, of line: String) throws -> Int? {
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    let features = try #require(object["features"] as? [String: Any], "\(line)")
    return (features[name] as? NSNumber).map(\.intValue)
  }

  private func submit(_ cluster: TestCluster, _ rows: [String], _ name: String, _ more: [String] = []) throws -> (
    AssayBinary.Running, String
  ) {
    let input = "\(cluster.directory)/\(name).ndjson"
    let output = "\(cluster.directory)/\(name)-decided.ndjson"
    try (rows.joined(separator: "\n") + "\n").write(toFile: input, atomically: true, encoding: .utf8)
    return (
      try AssayBinary.start(["submit", input, "--cluster", cluster.directory, "--decisions", output, "--with-features"] + more), output
    )
  }

  @Test("each payment counts at its terminal exactly once, over the loss of a worker")
  func countsOnce() throws {
    let cluster = try TestCluster(replicas: 3)
    for (name, text) in Self.bundle {
      let folder = "\(cluster.directory)/bundle"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }
    let activated = try AssayBinary.run(["bundle", "activate", "\(cluster.directory)/bundle", "--cluster", cluster.directory, "--wait"])
    try #require(activated.status == 0, "\(activated.output)\(activated.errors)")

    let count = 3_003
    let (submission, output) = try submit(cluster, (0..<count).map { payment("p-\($0)", $0) }, "payments", ["--rate", "1000"])
    let reached = try eventually(within: 60) {
      let files = [output + ".partial", output]
      guard let partial = files.lazy.compactMap({ FileManager.default.contents(atPath: $0) }).first else { return false }
      return partial.count { $0 == UInt8(ascii: "\n") } >= 800
    }
    try #require(reached, "the stream did not reach 800 decisions")
    try cluster.kill("worker-1")
    let result = try submission.wait()
    #expect(result.status == 0, "\(result.output)\(result.errors)")
    let decided = try lines(of: output)
    #expect(Set(try decided.map(transactionID)).count == count && decided.count == count)

    // What was decided without its terminal counts there all the same, later. Each probe counts, too.
    var asked = 0
    let isComplete = try eventually(within: 60) {
      let rows = (0..<Self.terminals).map { payment("probe-\(asked)-\($0)", count + asked * Self.terminals + $0) }
      let (probe, answers) = try submit(cluster, rows, "probe-\(asked)")
      asked += 1
      #expect(try probe.wait().status == 0)
      let counts = try lines(of: answers).map { try feature("terminal_count", of: $0) }
      #expect(counts.allSatisfy { $0.map { $0 <= count / Self.terminals + asked } ?? true }, "\(counts): a payment counts twice")
      return counts == [Int?](repeating: count / Self.terminals + asked, count: Self.terminals)
    }
    #expect(isComplete, "payments do not count at their terminals")

    // What the metrics say of it.
    let probe = try HTTPSProbe("worker-2", of: cluster)
    #expect(try probe.counter("assay_exchange_sent_total") > 0 && probe.counter("assay_exchange_answered_total") > 0)
    let before = try probe.counter("assay_decision_latency_seconds_count")
    let rows = (0..<5).map { payment("http-\($0)", count + 1_000 + $0) }
    #expect(try probe.decide("[\(rows.joined(separator: ","))]", deadlineMilliseconds: 30_000).status == 200)
    #expect(try probe.counter("assay_decision_latency_seconds_count") >= before + 5, "rows that came by HTTP count, too")
  }
}
