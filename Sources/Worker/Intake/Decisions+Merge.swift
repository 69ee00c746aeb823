import Wire

extension Decisions {
  /// An answer that is still to be put together: every row has yet to be decided.
  static func pending(rowCount: Int) -> Decisions {
    var outcome = Outcome(status: .retry)
    outcome.failure = .unavailable
    var decisions = Decisions()
    decisions.outcomes = [Outcome](repeating: outcome, count: rowCount)
    return decisions
  }

  /// Takes over the outcomes of `part`, the answer to some of the rows: those at `places`.
  mutating func merge(_ part: Decisions, at places: [Int]) {
    var moved: [UInt8] = []
    for bundle in part.bundles {
      if let known = bundles.firstIndex(where: { $0.id == bundle.id }) {
        moved.append(UInt8(known))
      } else {
        moved.append(UInt8(bundles.count))
        bundles.append(bundle)
      }
    }
    for (outcome, place) in zip(part.outcomes, places) {
      outcomes[place] = outcome
      if outcome.status == .decided || outcome.status == .duplicate { outcomes[place].bundle = moved[Int(outcome.bundle)] }
    }
  }
}
