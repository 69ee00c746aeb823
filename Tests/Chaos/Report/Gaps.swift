/// For how long a slot's keys waited without a decision: from the moment when one was due, or the last one came, to the next.
struct Gaps {
  private struct Gap {
    var from: Int64
    var to: Int64
  }

  /// Longest first; only those long enough to matter.
  private var gaps: [[Gap]]

  init(_ ledgers: [Ledger], _ slots: Slots) {
    var rows = [[(answered: Int64, due: Int64)]](repeating: [], count: slots.count)
    for ledger in ledgers {
      for number in 0..<ledger.count where ledger.answered[number] > 0 {
        rows[slots.slot(of: ledger.keys[number])].append((ledger.answered[number], ledger.due[number]))
      }
    }
    gaps = rows.map { rows in
      let sorted = rows.sorted { $0.answered < $1.answered }
      var gaps: [Gap] = []
      var earliestDue = Int64.max
      // Backwards: the earliest due time among those not answered yet.
      for index in sorted.indices.reversed() {
        earliestDue = min(earliestDue, sorted[index].due)
        let from = index > 0 ? max(sorted[index - 1].answered, earliestDue) : earliestDue
        let gap = Gap(from: from, to: sorted[index].answered)
        if gap.to - gap.from > 1_000_000 { gaps.append(gap) }
      }
      return gaps
    }
  }

  /// The longest gap of any slot that ended after `start`, as far as it lay before `end`: a gap that the next fault makes begins
  /// with the last answer before that fault.
  func longest(from start: Int64, to end: Int64) -> (length: Int64, from: Int64) {
    var longest = (length: Int64(0), from: start)
    for slot in gaps {
      for gap in slot where gap.to > start && gap.from < end {
        let length = min(gap.to, end) - gap.from
        if length > longest.length { longest = (length, gap.from) }
      }
    }
    return longest
  }
}
