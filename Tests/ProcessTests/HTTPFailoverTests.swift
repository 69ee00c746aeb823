import Foundation
import Testing

/// Callers of the HTTP port while workers die.
@Suite(.serialized)
struct HTTPFailoverTests {
  /// One transaction for each of `ids`, of a card each: together they fall into every partition.
  private func array(_ ids: [String]) -> String { "[" + ids.map(transaction).joined(separator: ",") + "]" }

  private func transaction(_ id: String) -> String {
    "{\"transaction_id\":\"\(id)\",\"event_time\":\"2026-11-21T07:00:00Z\",\"amount\":\"12.34\",\"currency\":\"EUR\","
      + "\"card\":\"c_\(id.split(separator: "-").last!)\"}"
  }

  private func ids(_ request: Int) -> [String] { (0..<24).map { "t-\(request)-\($0)" } }

  @Test("a failover shorter than the deadline shows nobody an error, and nothing is decided twice")
  func failover() throws {
    let cluster = try TestCluster(replicas: 3)
    let probe = try HTTPSProbe("worker-2", of: cluster)
    var slowest = 0.0
    for request in 0..<40 {
      if request == 10 { try cluster.kill("worker-1") }
      let start = Date()
      let answer = try probe.decide(array(ids(request)), deadlineMilliseconds: 30_000)
      slowest = max(slowest, Date().timeIntervalSince(start))
      #expect(answer.status == 200 && !answer.body.contains("error"), "request \(request): \(answer)")
    }
    print("slowest request over the failover: \(Int(slowest * 1000)) ms")
    for request in [0, 9, 10, 39] {
      let again = try probe.decide(array(ids(request)), deadlineMilliseconds: 30_000)
      #expect(again.body.components(separatedBy: "\"duplicate\":true").count == 25, "request \(request): \(again)")
    }
  }

  @Test("a failover longer than the deadline ends in 504 with the ids, and the same ids are decided afterwards, once")
  func deadline() throws {
    let cluster = try TestCluster(replicas: 1)
    let probe = try HTTPSProbe("worker-2", of: cluster)
    try cluster.kill("worker-1")
    let mixed = try probe.decide(array(ids(1)), deadlineMilliseconds: 300)
    #expect(mixed.status == 200 && mixed.body.contains("\"code\":\"deadline\"") && mixed.body.contains("\"verdict\""), "\(mixed)")
    let lines = mixed.body.split(separator: "\n").filter { $0.contains("\"code\":\"deadline\"") }
    let line = try #require(lines.first)
    let id = try #require(ids(1).first { line.contains("\"\($0)\"") })
    let alone = try probe.decide(transaction(id), deadlineMilliseconds: 300)
    #expect(alone.status == 504 && alone.body.contains("\"unanswered\":[\"\(id)\"]"), "\(alone)")
    #expect(alone.body.contains("\"retriable\":true"))

    try cluster.start()
    let after = try probe.decide(array(ids(1)), deadlineMilliseconds: 30_000)
    #expect(after.status == 200 && !after.body.contains("error"), "\(after)")
    let last = try probe.decide(transaction(id), deadlineMilliseconds: 30_000)
    #expect(last.status == 200 && last.body.contains("\"duplicate\":true"), "\(last)")
  }
}
