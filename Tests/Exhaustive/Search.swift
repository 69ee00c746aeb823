import Glibc

/// Breadth first over all states within the bounds.
final class Search {
  let model: Model
  let limit: Int
  private let store = StateStore()
  private var transitions = 0
  /// What is under way, for a trap in the cores: it ends the process.
  nonisolated(unsafe) static var current: Search?
  private var parent = 0
  var states: Int { store.count }

  enum Outcome {
    case exhausted
    /// More states than allowed; nothing was wrong in those seen.
    case stopped
    case violated(String, after: Int, by: Last)
  }

  /// What came after the last state found.
  enum Last {
    case step(Action)
    case healing(killing: Bool)
  }

  struct Report {
    var outcome: Outcome
    var states: Int
    var transitions: Int
    var depth: Int
    var seconds: Double
    var healed = 0
    var lost = 0
  }

  init(_ model: Model, limit: Int) {
    self.model = model
    self.limit = limit
  }

  func run(progress: (String) -> Void) -> Report {
    Self.current = self
    let began = Self.seconds()
    var report = Report(outcome: .exhausted, states: 0, transitions: 0, depth: 0, seconds: 0)
    _ = store.insert(model.initial(), from: nil)
    var levelEnd = 1
    var next = 0
    search: while next < store.count {
      if next == levelEnd {
        report.depth += 1
        progress(line(report.depth, frontier: store.count - levelEnd, Self.seconds() - began))
        levelEnd = store.count
      }
      if store.count > limit {
        report.outcome = .stopped
        break
      }
      parent = next
      let world = store[next]
      if model.scope.healing > 0, world.hash % UInt64(model.scope.healing) == 0 {
        for killing in [false, true] {
          switch model.heal(world, killing: killing) {
          case .commits: report.healed += 1
          case .nothingElectable: report.lost += 1
          case .stuck(let problem):
            report.outcome = .violated(problem, after: next, by: .healing(killing: killing))
            break search
          }
        }
      }
      var found: (String, Action)?
      model.successors(of: world) { action, successor, problem in
        guard found == nil else { return }
        transitions += 1
        if let problem { found = (problem, action) } else { _ = store.insert(successor, from: next) }
      }
      if let (problem, action) = found {
        report.outcome = .violated(problem, after: next, by: .step(action))
        break
      }
      next += 1
    }
    report.states = store.count
    report.transitions = transitions
    report.seconds = Self.seconds() - began
    return report
  }

  private func line(_ depth: Int, frontier: Int, _ seconds: Double) -> String {
    "depth \(depth): \(store.count) states, frontier \(frontier), \(transitions) transitions, \(Int(Double(store.count) / max(seconds, 0.001))) "
      + "states/s, \(store.bytes >> 20) MiB; \(model.sizes)"
  }

  /// The steps that lead to a state, and then `last`, in words.
  func trace(to index: Int, then last: Last?) -> [String] {
    var path = [index]
    while let before = store.parent(path.last!) { path.append(before) }
    path.reverse()
    var lines: [String] = []
    for (from, to) in zip(path, path.dropFirst()) {
      let (before, after) = (store[from], store[to])
      var taken: Action?
      model.successors(of: before) { action, successor, _ in if taken == nil, successor == after { taken = action } }
      lines.append(model.describe(taken!, in: before, after))
    }
    switch last {
    case nil: break
    case .step(let action): lines.append(model.describe(action, in: store[index], nil))
    case .healing(let killing):
      lines.append("from here on, " + (killing ? "the primary dies, and then " : "") + "nothing fails any more:")
      _ = model.heal(store[index], killing: killing) { lines.append(self.model.describe($0, in: $1, $2)) }
    }
    return lines
  }

  /// The cores have trapped (they have said why): the trace up to there.
  func trapped() -> [String] { trace(to: parent, then: nil) + ["one of the next steps traps: \(model.asked)"] }

  static func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
