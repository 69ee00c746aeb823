import Glibc
import Wire

@testable import Worker

/// `Exhaustive [--scope NAME|small|full,...] [--mutant NAME] [--states N] [--quiet]`: searches each scope, and ends with status 1 at
/// the first violation, with the shortest way to it.
@main
enum Exhaustive {
  static func main() {
    var scopes = Scopes.small
    var isExchange = false
    var mutant: Mutant?
    var limit = 60_000_000
    var isQuiet = false
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      func value() -> String {
        guard let value = arguments.popFirst() else { fail("\(argument) takes a value") }
        return value
      }
      switch argument {
      case "--scope":
        let names = value()
        isExchange = names == ExchangeSearch.name
        if !isExchange { scopes = names.split(separator: ",").flatMap { named(String($0)) } }
      case "--mutant":
        let name = value()
        mutant = Mutant(rawValue: name)
        if mutant == nil { fail("there is no mutant \(name)") }
      case "--states":
        guard let count = Int(value()), count > 0 else { fail("--states takes a number") }
        limit = count
      case "--quiet": isQuiet = true
      case "--list":
        for scope in Scopes.all { print(scope) }
        print("\(ExchangeSearch.name): random runs of the exchange between partitions, \(ExchangeSearch.steps) steps each")
        return
      case "--list-mutants":
        for mutant in Mutant.allCases {
          switch Scopes.place(of: mutant) {
          case .scopes(let names): print("\(mutant.rawValue)|\(names)|")
          case .outside(let reason): print("\(mutant.rawValue)||\(reason)")
          }
        }
        return
      default: fail("what is \(argument)? --scope NAME --mutant NAME --states N --quiet")
      }
    }
    #if MUTANTS
      Mutant.current = mutant
    #endif
    setvbuf(stdout, nil, _IOLBF, 0)
    for signal in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS] { Glibc.signal(signal) { _ in Exhaustive.trapped() } }
    if isExchange { return ExchangeSearch.run(limit, mutant, isQuiet) }
    Node.lookForOtherFields()
    for scope in scopes { run(scope, mutant, limit, isQuiet) }
  }

  private static func named(_ name: String) -> [Scope] {
    let scopes = name == "small" ? Scopes.small : name == "full" ? Scopes.full : Scopes.all.filter { $0.name == name }
    if scopes.isEmpty { fail("there is no scope \(name): small, full, \(Scopes.all.map(\.name).joined(separator: ", "))") }
    return scopes
  }

  private static func run(_ scope: Scope, _ mutant: Mutant?, _ limit: Int, _ isQuiet: Bool) {
    let search = Search(Model(scope, mutant: mutant), limit: limit)
    let report = search.run { if !isQuiet { print($0) } }
    let numbers = "\(report.states) states, \(report.transitions) transitions, depth \(report.depth), \(Int(report.seconds)) s"
    let healed = scope.healing > 0 ? "; healed \(report.healed), nothing electable \(report.lost)" : ""
    switch report.outcome {
    case .exhausted: print("\(scope.name): \(numbers): exhausted, no violation\(healed)")
    case .stopped: print("\(scope.name): \(numbers): stopped, no violation so far\(healed)")
    case .violated(let problem, let index, let last):
      show(search.trace(to: index, then: last))
      print("\(scope.name): \(numbers): VIOLATION: \(problem)")
      exit(1)
    }
  }

  private static func show(_ trace: [String]) {
    print("the shortest way there:")
    for (index, line) in trace.enumerated() { print("\(index + 1 < 10 ? " " : "")\(index + 1). \(line)") }
  }

  /// A precondition of the code under test has failed: it has said why.
  private static func trapped() -> Never {
    for signal in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS] { Glibc.signal(signal, SIG_DFL) }
    ExchangeSearch.trapped()
    guard let search = Search.current else { _exit(2) }
    show(search.trapped())
    print("\(search.model.scope.name): \(search.states) states: VIOLATION: the code trapped (its message stands above)")
    fflush(stdout)
    _exit(1)
  }

  private static func fail(_ text: String) -> Never {
    print("Exhaustive: \(text)")
    exit(2)
  }
}
