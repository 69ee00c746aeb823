import Wire

@testable import Coordinator

/// A story told as text: a command, `----`, and what the coordinator did about it. The form is that of etcd raft's
/// `testdata`.
///
/// ```
/// cluster workers=3 replicas=3 min_in_sync=2 partitions=1 durability=fsync
/// join NAME [storage=N] [incarnation=N] [intact_since=N]
/// kill NAME | close NAME | probe NAME refused|silent | beat NAME [bundle=N]
/// propose add|remove NAME from=NAME
/// publish N | pass MILLISECONDS [beating=NAME,NAME] | restart | slow-store | store | show
/// ```
struct Scenario {
  private var cluster = TestCluster()

  /// What a command printed, a line each.
  mutating func run(_ command: String) throws -> [String] {
    let words = command.split(separator: " ").map(String.init)
    let options = Dictionary(
      words.compactMap { word -> (String, String)? in
        let parts = word.split(separator: "=", maxSplits: 1)
        return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
      }, uniquingKeysWith: { $1 })
    func number(_ key: String) -> UInt64? { options[key].flatMap { UInt64($0) } }
    let name = words.count > 1 ? words[1] : ""
    switch words[0] {
    case "cluster":
      cluster = TestCluster(
        workers: Int(number("workers") ?? 3), replicas: Int(number("replicas") ?? 3), minInSync: Int(number("min_in_sync") ?? 2),
        partitions: Int(number("partitions") ?? 1), durability: options["durability"] == "replicated" ? .replicated : .fsync)
      return show()
    case "join":
      cluster.join(name, storage: number("storage"), incarnation: number("incarnation") ?? 1, intactSince: number("intact_since"))
    case "kill": cluster.kill(name)
    case "close":
      cluster.close(name)
      cluster.step(.tick)
    case "probe": cluster.step(.probed(cluster.node(name), words[2] == "refused" ? .refused : .silent))
    case "beat": cluster.beat(name, bundles: number("bundle").map { [BundleID(high: 0, low: $0)] } ?? [])
    case "propose":
      cluster.propose(name == "add" ? .add : .remove, cluster.member(words[2]), from: options["from"]!)
    case "publish":
      let request = PublishBundle(bundle: BundleID(high: 0, low: UInt64(name)!), step: .storeAndActivate, contents: [1])
      cluster.step(.request(SessionID(900), correlation: 4, .publish(request)))
    case "pass": cluster.pass(Int64(name)!, beating: options["beating"]?.split(separator: ",").map(String.init) ?? [])
    case "restart": cluster.restartCoordinator(after: 1_000)
    case "slow-store": cluster.commitsAtOnce = false
    case "store":
      cluster.commitsAtOnce = true
      cluster.flush()
    case "show": return show()
    default: throw Unknown(command: command)
    }
    return cluster.takeActions().compactMap(line)
  }

  struct Unknown: Error { var command: String }

  private func line(_ action: CoordinatorAction) -> String? {
    switch action {
    case .note(let event):
      return ([event.message] + event.metadata.map { "\($0.key)=\($0.value)" }).joined(separator: " ")
    case .send(_, _, .map(let map)): return "-> map \(map.version)"
    case .send(_, _, .joined(let answer)): return "-> joined as \(answer.node)"
    case .send(_, _, .proposal(let answer)): return "-> proposal \(answer.outcome), record at \(answer.record.version)"
    case .send(_, _, .published(let answer)): return "-> bundle \(answer.state)"
    case .send(_, _, .failure(let failure)): return "-> failure \(failure)"
    case .send: return nil
    case .probe(let node, let address): return "probe \(node) at \(address)"
    case .close(let session, _): return "close \(session)"
    case .commit, .reload, .sendBundle: return nil
    }
  }

  private func show() -> [String] {
    cluster.core.state.partitions.map { record in
      let primary = record.primary.map { "\($0)" } ?? "none"
      let eligible = record.eligible.isEmpty ? "" : " eligible \(record.eligible)"
      return "\(record.id) \(record.epoch) \(record.version) primary \(primary) ISR \(record.isr)\(eligible)"
    }
  }
}
