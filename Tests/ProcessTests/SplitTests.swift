import Foundation
import Testing

/// Partitions are split and merged while a stream goes through them, and a worker is killed in between (R12).
extension KillTests {
  @Test("splits and merges under load, with kill -9 of a worker in between, lose, double and change nothing")
  func splitsAndMerges() throws {
    let cluster = try TestCluster(replicas: 3)
    _ = try stream(cluster, count: 12_000, at: [1_500, 3_500, 5_500, 7_500]) { step in
      switch step {
      case 0: try finished(cluster, ["split", "p1"])
      case 1:
        try cluster.kill("worker-2")
        try finished(cluster, ["split", "p3"])
      case 2:
        try cluster.start()
        try finished(cluster, ["merge", "p7", "p8"])
      default: try finished(cluster, ["split", "p4", "--at", "9000000000000000"])
      }
    }
    let list = try AssayBinary.run(["partition", "list", "--cluster", cluster.directory])
    let ids = list.output.split(separator: "\n").map { $0.prefix { $0 != " " } }
    #expect(ids.count == 8 && Set(ids).isDisjoint(with: ["p1", "p3", "p4", "p7", "p8"]), "\(list.output)")
  }

  /// Runs the command until it has succeeded: while a worker is being given up, an operation may be given up too.
  private func finished(_ cluster: TestCluster, _ command: [String]) throws {
    var last = AssayBinary.Result(status: 0, output: "", errors: "")
    let done = try eventually(within: 60) {
      last = try AssayBinary.run(["partition"] + command + ["--wait", "--cluster", cluster.directory])
      return last.status == 0
    }
    try #require(done, "\(command): \(last.output)\(last.errors)")
    print("\(command.joined(separator: " ")): \(last.output.split(separator: "\n").last ?? "")")
  }
}
