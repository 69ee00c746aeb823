import Foundation
import Glibc
import Testing

/// Drains, moves and rebalancing while a stream goes through the cluster (R12).
extension KillTests {
  @Test("drains, moves and a rebalance under load lose, double and change nothing")
  func drainsAndMoves() throws {
    let cluster = try TestCluster(workers: 4, replicas: 3)
    _ = try stream(cluster, count: 12_000, at: [1_500, 3_500, 5_500, 7_500, 9_500]) { step in
      switch step {
      case 0: try carriedOut(cluster, ["node", "drain", "worker-1"])
      case 1:
        try carriedOut(cluster, ["node", "undrain", "worker-1"])
        try carriedOut(cluster, try move(cluster, isLeader: true))
      case 2: try carriedOut(cluster, try move(cluster, isLeader: false))
      case 3: try carriedOut(cluster, ["node", "drain", "worker-2", "--remove"])
      default:
        try carriedOut(cluster, ["node", "undrain", "worker-2"])
        try carriedOut(cluster, ["cluster", "rebalance"])
      }
    }
    let list = try AssayBinary.run(["node", "list", "--cluster", cluster.directory])
    #expect(list.output.contains("worker-2"), "\(list.output)")
  }

  /// A copy of the first partition that can move: its leader's, or a follower's, to the worker that has none.
  private func move(_ cluster: TestCluster, isLeader: Bool) throws -> [String] {
    let list = try AssayBinary.run(["partition", "list", "--cluster", cluster.directory])
    let line = try #require(list.output.split(separator: "\n").first).split(separator: " ").map(String.init)
    let names = line.map { $0.trimmingCharacters(in: .punctuationCharacters) }.filter { $0.hasPrefix("worker-") }
    let free = try #require((1...4).map { "worker-\($0)" }.first { !names.contains($0) }, "\(line)")
    return ["partition", "move", line[0], "--from", isLeader ? names[0] : names[1], "--to", free]
  }

  /// Runs the command to its end, and prints how that was.
  private func carriedOut(_ cluster: TestCluster, _ command: [String]) throws {
    let wait = command.contains("undrain") ? [] : ["--wait", "--timeout", "60"]
    let began = Date()
    let result = try AssayBinary.run(command + wait + ["--cluster", cluster.directory])
    try #require(result.status == 0, "\(command): \(result.output)\(result.errors)")
    let took = Int(Date().timeIntervalSince(began) * 1000)
    print("\(command.joined(separator: " ")): \(result.output.split(separator: "\n").last ?? "") [\(took) ms]")
  }
}
