import CEL
import Wire

/// Evaluates a rulebook, one transaction after the other: one a loop. Fill `frame`, then `evaluate()`; without boxed rules
/// nothing is allocated between the two.
public final class RuleRunner {
  public let book: Rulebook
  public let frame: ScalarFrame
  /// The scalar program of each rule; -1 for a boxed one.
  private let programs: [Int]
  private let tallies: UnsafeMutablePointer<RuleTally>
  /// In the place of the bundle's lists, by these; empty where there are no hot items.
  private let overlaid: [ObjectIdentifier: OverlaidList]
  private var hot: HotLists?
  private var hotChanges = 0

  public convenience init(_ book: Rulebook) { self.init(book, under: []) }

  /// `lists`: those of the bundle, over which hot items may lie (`follow`).
  init(_ book: Rulebook, under lists: [MemberList]) {
    self.book = book
    frame = ScalarFrame(book.scalars)
    let overlaid = Dictionary(lists.map { (ObjectIdentifier($0), OverlaidList($0)) }, uniquingKeysWith: { first, _ in first })
    self.overlaid = overlaid
    if !lists.isEmpty { frame.replaceTables { Self.overlay($0, overlaid) } }
    programs = book.rules.indices.map { book.scalars.program(of: $0) ?? -1 }
    tallies = .allocate(capacity: max(1, book.rules.count))
    tallies.initialize(repeating: RuleTally(), count: max(1, book.rules.count))
  }

  deinit { tallies.deallocate() }

  private static func overlay(_ table: any MemberTable, _ overlaid: [ObjectIdentifier: OverlaidList]) -> any MemberTable {
    (table as? MemberList).flatMap { overlaid[ObjectIdentifier($0)] } ?? table
  }

  /// Rules go by these hot items from here on, until these have changed.
  func follow(_ lists: HotLists) {
    guard hot !== lists || hotChanges != lists.changes else { return }
    hot = lists
    hotChanges = lists.changes
    for list in overlaid.values { list.hot = lists.table(list.list.name) }
  }

  /// What another has counted and nobody has taken yet.
  func absorb(_ other: RuleRunner) {
    other.takeTallies { rule, tally in
      tallies[rule].held += tally.held
      tallies[rule].failed += tally.failed
    }
  }

  /// What the rules have done since it was last asked, by their indices; those that did nothing are left out.
  public func takeTallies(_ body: (_ rule: Int, RuleTally) -> Void) {
    for rule in programs.indices where tallies[rule] != RuleTally() {
      body(rule, tallies[rule])
      tallies[rule] = RuleTally()
    }
  }

  /// What all rules together say about one transaction.
  public struct Verdict: Equatable, Sendable {
    /// The gravest action of a rule that holds; a rule that failed and asks for it sends to review.
    public var action: Decision.Action = .approve
    public var score: Double = 0
    /// Indices of the first four rules with an effect, in the book's order; `Decision.noReasons` for none.
    public var reasons: SIMD4<UInt16> = Decision.noReasons
    public var held = 0
    /// Rules in shadow that would have held.
    public var shadowHeld = 0
    /// Rules that could not be evaluated, in shadow or not.
    public var failed = 0

    fileprivate mutating func add(reason: Int) {
      if held < 4 { reasons[held] = UInt16(reason) }
      held += 1
    }

    fileprivate mutating func raise(to other: Decision.Action) {
      if other.rawValue > action.rawValue { action = other }
    }
  }

  /// `observe` hears of each rule that was evaluated, in the book's order.
  public func evaluate(observe: (_ rule: Int, ScalarFrame.Outcome) -> Void = { _, _ in }) -> Verdict {
    var verdict = Verdict()
    for index in programs.indices {
      let mode = book.rules[index].mode
      if mode == .off { continue }
      let outcome = programs[index] >= 0 ? frame.evaluate(programs[index]) : boxed(index)
      observe(index, outcome)
      var holds = outcome == .holds
      if case .error = outcome {
        verdict.failed += 1
        tallies[index].failed += 1
        if mode == .on, book.rules[index].failureMode == .review {
          verdict.add(reason: index)
          verdict.raise(to: .review)
          continue
        }
        holds = book.rules[index].failureMode == .closed
      }
      guard holds else { continue }
      if outcome == .holds { tallies[index].held += 1 }
      guard mode == .on else {
        verdict.shadowHeld += 1
        continue
      }
      verdict.add(reason: index)
      switch book.rules[index].effect {
      case .score(let score): verdict.score += score
      case .action(let action): verdict.raise(to: action)
      }
    }
    return verdict
  }

  private func boxed(_ index: Int) -> ScalarFrame.Outcome {
    let program = book.programs[index]
    do throws(EvaluationError) {
      let value = try program.evaluate(
        inputs: program.inputs.map { name in book.inputIndices[name].flatMap { frame.value(ofInput: $0) } }, time: frame.time,
        replacing: overlaid.isEmpty ? nil : { [overlaid] in Self.overlay($0, overlaid) })
      guard case .bool(let holds) = value else { return .error(.noSuchOverload) }
      return holds ? .holds : .fails
    } catch {
      return .error(error.code)
    }
  }
}

/// How often one rule held, and how often it could not be evaluated. In shadow, too.
public struct RuleTally: Equatable, Sendable {
  public var held = 0
  public var failed = 0
}
