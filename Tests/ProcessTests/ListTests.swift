import Foundation
import Testing

/// Hot items of lists, with real processes.
@Suite(.serialized) struct ListTests {
  private func run(_ cluster: TestCluster, _ arguments: String..., fails: Bool = false) throws -> String {
    let result = try AssayBinary.run(arguments + ["--cluster", cluster.directory])
    #expect((result.status != 0) == fails, "\(arguments): \(result.output)\(result.errors)")
    return result.output + result.errors
  }

  /// One payment from the address; its decision's line.
  private func pay(_ cluster: TestCluster, _ id: String, from ip: String) throws -> String {
    let (input, output) = ("\(cluster.directory)/\(id).ndjson", "\(cluster.directory)/\(id)-decided.ndjson")
    let line =
      #"{"transaction_id":"\#(id)","event_time":"\#(Date.now.formatted(.iso8601))","amount":10,"currency":"EUR","#
      + #""card":"\#(id)","ip":"\#(ip)"}"#
    try (line + "\n").write(toFile: input, atomically: true, encoding: .utf8)
    _ = try run(cluster, "submit", input, "--decisions", output)
    return try #require(try lines(of: output).first)
  }

  /// Every payment again, without the cluster: by the versions that the decisions name, and by the edits' times.
  private func backtest(_ cluster: TestCluster, _ bundle: String) throws {
    let folder = cluster.directory
    let paid = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix("-decided.ndjson") }.sorted()
    let decisions = try paid.flatMap { try lines(of: "\(folder)/\($0)") }
    let payments = try paid.flatMap { try lines(of: "\(folder)/\($0.replacing("-decided", with: ""))") }
    func write(_ lines: [String], _ name: String) throws -> String {
      try lines.map { $0 + "\n" }.joined().write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
      return "\(folder)/\(name)"
    }
    let (all, decided) = (try write(payments, "all.ndjson"), try write(decisions, "decisions.ndjson"))
    let declined = try decisions.count { try field("action", of: $0) == "decline" }
    // The item that was dropped is not shown any more: the file has what its edit was.
    let shown = try run(cluster, "list", "show", "--json").split(separator: "\n").map(String.init)
    #expect(shown.count == 1 && shown[0].contains(#""item":"192.0.2.0/24""#) && shown[0].contains(#""operation":"add""#), "\(shown)")
    let time = try field("time", of: shown[0])
    let edits = try write(
      shown
        + ["remove", "drop"].enumerated().map {
          #"{"version":\#($0 + 2),"list":"blocked_networks","item":"198.51.100.20","operation":"\#($1)","time":"\#(time)"}"#
        }, "items.ndjson")
    func declines(_ input: String, _ arguments: String...) throws -> Int? {
      let result = try AssayBinary.run(["backtest", "--bundle", bundle, "--input", input] + arguments)
      #expect(result.status == 0, "\(result.output)\(result.errors)")
      let row = result.output.split(separator: "\n").first { $0.hasPrefix("  decline ") }
      return row.flatMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
    }
    #expect(try declines(all, "--list-items", edits, "--decisions", decided) == declined, "of \(decisions.count)")
    // Those from the network that was added: none is declined by the bundle's list alone, all but the first by the edits' times.
    let attacked = try write(payments.filter { $0.contains("192.0.2.9") }, "attacked.ndjson")
    #expect(try declines(attacked) == 0)
    let late = try declines(attacked, "--list-items", edits)
    #expect(late ?? 0 > 0 && late ?? 0 < payments.count, "\(String(describing: late))")
    let bad = try AssayBinary.run(
      ["backtest", "--bundle", bundle, "--input", all, "--list-items", try write(shown + ["{}"], "bad.ndjson")])
    #expect(bad.status != 0 && bad.errors.contains("bad.ndjson:2 is no edit of a list"), "\(bad)")
  }

  private func untilPayment(_ cluster: TestCluster, _ id: String, from ip: String, is action: String) throws {
    var attempt = 0
    let reached = try eventually(within: 30) {
      attempt += 1
      return try field("action", of: pay(cluster, "\(id)-\(attempt)", from: ip)) == action
    }
    #expect(reached, "payments from \(ip) are not \(action)")
  }

  @Test("an address that is added is declined, also after kill -9 of the worker; one that is removed is not")
  func edits() throws {
    let cluster = try TestCluster(workers: 1, partitions: 3, replicas: 1)
    let bundle = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../docs/examples/card-fraud").path
    _ = try run(cluster, "bundle", "activate", bundle, "--wait")
    #expect(try field("action", of: pay(cluster, "before", from: "192.0.2.9")) == "approve")
    #expect(try field("action", of: pay(cluster, "listed", from: "198.51.100.20")) == "decline")

    #expect(try run(cluster, "list", "add", "blocked_networks", "192.0.2.0/24", "--reason", "attack").hasPrefix("list version 1;"))
    try untilPayment(cluster, "added", from: "192.0.2.9", is: "decline")
    _ = try run(cluster, "list", "remove", "blocked_networks", "198.51.100.20", "--reason", "a customer's own")
    try untilPayment(cluster, "removed", from: "198.51.100.20", is: "approve")
    #expect(try field("action", of: pay(cluster, "beside", from: "198.51.100.21")) == "decline")

    try cluster.kill("worker-1")
    try cluster.start()
    try untilPayment(cluster, "again", from: "192.0.2.9", is: "decline")
    #expect(try field("action", of: pay(cluster, "removed-still", from: "198.51.100.20")) == "approve")

    _ = try run(cluster, "list", "drop", "blocked_networks", "198.51.100.20", "--reason", "over")
    try untilPayment(cluster, "dropped", from: "198.51.100.20", is: "decline")
    let shown = try run(cluster, "list", "show", "blocked_networks")
    #expect(shown.contains("blocked_networks  added  192.0.2.0/24") && shown.contains("1 hot items, at list version 3"), "\(shown)")
    #expect(try run(cluster, "audit").contains("add '192.0.2.0/24' to list blocked_networks, because: attack  -> list version 1"))

    try backtest(cluster, bundle)

    // What can't be is refused before anything changes.
    let network = try run(cluster, "list", "add", "blocked_networks", "192.0.2.1/24", "--reason", "r", fails: true)
    #expect(network.contains("'192.0.2.1/24' is no address and no network"), "\(network)")
    let list = try run(cluster, "list", "add", "blocked_network", "192.0.2.1", "--reason", "r", fails: true)
    #expect(list.contains("Did you mean 'blocked_networks'?"), "\(list)")
    // Both versions stand in the decision's line.
    #expect(try number("list_version", of: pay(cluster, "answered", from: "192.0.2.9")) == 3)
    // Retries are answered with the version of then.
    let again = "\(cluster.directory)/again.ndjson"
    for (id, version) in [("listed", nil), ("again-1", ",\"list_version\":2"), ("answered", ",\"list_version\":3")] {
      _ = try run(cluster, "submit", "\(cluster.directory)/\(id).ndjson", "--decisions", again, "--again")
      let line = try #require(try lines(of: again).first)
      #expect(version.map { line.contains($0) } ?? !line.contains("list_version"), "\(id): \(line)")
    }
    let isNamed = try eventually(within: 30) {
      try cluster.decisionsInFiles().values.joined().contains { $0.contains("\"list_version\":3") }
    }
    #expect(isNamed)
  }
}
