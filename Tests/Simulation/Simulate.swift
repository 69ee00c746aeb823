import Glibc
import Wire

/// `Simulate --seed S [--count N] [--twice] [--verbose] [--mutant NAME] [--until-found]`: runs seeds one after the other, and ends
/// with status 1 at the first in which something is wrong.
@main
enum Simulate {
  nonisolated(unsafe) static var seed: UInt64 = 1
  nonisolated(unsafe) static var mutant = ""
  nonisolated(unsafe) static var scenario: Scenario?

  static func main() {
    // Orders of dictionaries are part of a run.
    if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
      setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
      execv("/proc/self/exe", CommandLine.unsafeArgv)
    }
    var count: UInt64 = 1
    var isVerbose = false
    var isTwice = false
    var minutes = 0.0
    var arguments = CommandLine.arguments.dropFirst()
    func value() -> String {
      guard let next = arguments.popFirst() else { fail("an option lacks its value") }
      return next
    }
    func number<T: LosslessStringConvertible>(_ option: String) -> T {
      guard let number = T(value()) else { fail("\(option) takes a number") }
      return number
    }
    while let argument = arguments.popFirst() {
      switch argument {
      case "--seed": seed = number("--seed")
      case "--count": count = number("--count")
      case "--minutes": minutes = number("--minutes")
      case "--twice": isTwice = true
      case "--verbose": isVerbose = true
      case "--mutant": mutant = value()
      case "--plan":
        let name = value()
        guard let known = Scenario(rawValue: name) else {
          fail("there is no plan \(name): \(Scenario.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        scenario = known
      case "--list-mutants":
        for mutant in Mutant.allCases { print(mutant.rawValue) }
        return
      default: fail("what is \(argument)? --seed S --count N --minutes M --twice --verbose --mutant NAME --plan NAME")
      }
    }
    plant()
    setvbuf(stdout, nil, _IOLBF, 0)
    for signal in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS] { Glibc.signal(signal) { _ in Simulate.trapped() } }
    let began = wallSeconds()
    var simulated = 0.0
    var total = Totals()
    var lastTrace: UInt64 = 0
    let first = seed
    while seed < first &+ count {
      if minutes > 0, wallSeconds() - began > minutes * 60 { break }
      let cluster = Cluster(seed: seed, scenario: scenario, isVerbose: isVerbose)
      let violation = cluster.run()
      simulated += Double(cluster.world.now - .seconds(1_000)) / 1e9
      total.add(cluster)
      lastTrace = cluster.world.trace
      if let violation { report(violation, cluster) }
      if isTwice {
        let again = Cluster(seed: seed, scenario: scenario)
        _ = again.run()
        guard again.world.trace == cluster.world.trace, again.world.steps == cluster.world.steps else {
          report("two runs of one seed differ: \(cluster.world.steps) steps and \(again.world.steps)", cluster)
        }
      }
      seed += 1
    }
    let seconds = wallSeconds() - began
    print(
      "simulated \(seed - first) seeds from \(first): \(Int(simulated)) s in \(Int(seconds * 10)) tenths of a second, "
        + "\(Int(simulated / max(seconds, 0.001))) s/s; trace \(lastTrace); \(total)")
  }

  struct Totals: CustomStringConvertible {
    var steps: UInt64 = 0
    var answers = 0, transactions = 0, failovers = 0, shrinks = 0, expansions = 0, stripped = 0, stops = 0, successions = 0, abandoned = 0,
      leaderships = 0, contributions = 0, labels = 0, degraded = 0
    var faults: [Fault: Int] = [:]

    mutating func add(_ cluster: Cluster) {
      steps += cluster.world.steps
      answers += cluster.answers
      transactions += cluster.clients.reduce(0) { $0 + $1.rows.count }
      failovers += cluster.counts.failovers
      shrinks += cluster.counts.shrinks
      expansions += cluster.counts.expansions
      stripped += cluster.counts.stripped
      stops += cluster.stops
      successions += cluster.counts.successions
      abandoned += cluster.counts.abandoned
      leaderships += cluster.counts.leaderships
      contributions += cluster.checks.exchange.contributed
      degraded += cluster.checks.exchange.degraded
      labels += cluster.checks.exchange.labelled
      faults.merge(cluster.nemesis.done) { $0 + $1 }
    }

    var description: String {
      let list = faults.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key.rawValue) \($0.value)" }.joined(separator: ", ")
      return "\(steps) steps, \(transactions) transactions, \(answers) answers, \(failovers) failovers, \(shrinks) shrinks, "
        + "\(expansions) expansions, \(stripped) disks replaced, \(stops) stops, \(successions) splits and merges (\(abandoned) given up), "
        + "\(leaderships) coordinators elected, \(contributions) contributions (\(degraded) decisions without some of them), "
        + "\(labels) labels; faults: \(list)"
    }
  }

  private static var again: String {
    let plan = Cluster.current?.plan.scenario.rawValue ?? ""
    return "ops/simulate --seed \(seed) --plan \(plan)\(mutant.isEmpty ? "" : " --mutant \(mutant)") --verbose"
  }

  private static func report(_ violation: String, _ cluster: Cluster) -> Never {
    print("seed \(seed), step \(cluster.world.steps): \(violation)")
    print("again: \(again)")
    exit(1)
  }

  /// A precondition of the code under test has failed: it has said why.
  private static func trapped() -> Never {
    print("seed \(seed), step \(World.current?.steps ?? 0): the program trapped (its message stands above)")
    print("again: \(again)")
    fflush(stdout)
    _exit(1)
  }

  private static func plant() {
    guard !mutant.isEmpty else { return }
    #if MUTANTS
      guard let known = Mutant(rawValue: mutant) else { fail("there is no mutant \(mutant)") }
      Mutant.current = known
    #else
      fail("mutants are compiled in by ASSAY_MUTANTS=1")
    #endif
  }

  private static func wallSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private static func fail(_ text: String) -> Never {
    print("Simulate: \(text)")
    exit(2)
  }
}
