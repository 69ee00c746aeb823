import ArgumentParser
import Foundation

struct ChaosOptions: ParsableArguments {
  @Option(help: "Workers.") var nodes = 5
  @Option(help: "How long faults are done, minutes.") var minutes = 5.0
  @Option(help: "Kinds of faults, separated by commas; `all` for every one, `list` to see them.") var nemesis = "all"
  @Option(help: "Of the faults; printed, so that a run can be done again (timing is never the same).") var seed: UInt64?
  @Option(help: "Transactions a second, of all clients together.") var rate = 1_000.0
  @Option(help: "1 with its own store, or 3 on an etcd of three.") var coordinators = 1
  @Option(help: "Silence after which a worker is taken for dead, ms (the cluster's default).") var lease = 2_000
  @Option var partitions = 16
  @Option(help: "Cards that pay.") var cards = 5_000
  @Flag(help: "Features of the terminal, the device and the IP beside the card's: partitions exchange.") var entities = false
  @Option(help: "Where the report goes; the picture lies beside it.") var report = "chaos-report.md"
  @Option(help: "The assay program (default: what ASSAY names; ops/chaos sets it).") var assay: String?
  @Option(help: "Parent of the run's directory: the disk that is written to.")
  var directory = FileManager.default.temporaryDirectory.path
  @Flag(help: "Leave the run's directory, with logs, configurations and data.") var keep = false

  func validate() throws {
    guard (3...9).contains(nodes) else { throw ValidationError("--nodes must be 3 to 9") }
    guard minutes >= 0, rate > 0, cards > 0, (1...1024).contains(partitions) else {
      throw ValidationError("--minutes, --rate, --cards and --partitions must be positive")
    }
    guard coordinators == 1 || coordinators == 3 else { throw ValidationError("--coordinators must be 1 or 3") }
    guard !entities || minutes < 45 else { throw ValidationError("--entities: a run must end within the features' hour") }
    guard (500...60_000).contains(lease) else { throw ValidationError("--lease must be 500 to 60000") }
    if nemesis != "list" { _ = try kinds() }
  }

  var program: String? { assay ?? ProcessInfo.processInfo.environment["ASSAY"] }

  func kinds() throws -> [FaultKind] {
    if nemesis == "all" { return FaultKind.allCases.filter { coordinators > 1 || !$0.needsEtcd } }
    let kinds = try nemesis.split(separator: ",").map { word in
      guard let kind = FaultKind(rawValue: String(word)) else {
        throw ValidationError("--nemesis \(word): there is \(FaultKind.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return kind
    }
    if let kind = kinds.first(where: { $0.needsEtcd }), coordinators == 1 {
      throw ValidationError("--nemesis \(kind.rawValue) needs --coordinators 3")
    }
    return kinds
  }
}
