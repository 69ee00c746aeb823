import DequeModule
import Wire

/// Split and merge of the entities' partition (X3): the watermarks go with the ranges, the replies with their keys.
extension EntityLedger {
  /// What a child of this range begins with.
  public func part(_ range: KeyRange) -> EntityLedger {
    var part = EntityLedger()
    part.forgottenAt = forgottenAt
    for (home, account) in accounts {
      var marks: [Mark] = []
      for mark in account.marks where mark.range.first <= range.last && range.first <= mark.range.last {
        marks.append(
          Mark(
            range: KeyRange(first: max(mark.range.first, range.first), last: min(mark.range.last, range.last)),
            settled: planted(.entitySplitWithoutMarks) ? .zero : mark.settled))
      }
      guard !marks.isEmpty else { continue }
      let kept = planted(.entitySplitWithoutReplies) ? [] : account.kept.filter { range.contains($0.key) }.map(\.committed)
      part.accounts[home] = Account(marks: marks, admittedAt: account.admittedAt, kept: Deque(kept))
    }
    return part
  }

  /// One ledger of two, whose ranges have no key in common. A home that is known to one of them alone stays unknown for
  /// the other's keys: it may have been forgotten there.
  public static func merged(_ a: EntityLedger, _ b: EntityLedger) -> EntityLedger {
    var merged = EntityLedger()
    merged.forgottenAt = max(a.forgottenAt, b.forgottenAt)
    for home in Set(a.accounts.keys).union(b.accounts.keys) {
      let parts = [a.accounts[home], b.accounts[home]].compactMap { $0 }
      var marks = parts.flatMap(\.marks).sorted { $0.range.first < $1.range.first }
      let settled = marks.map(\.settled)
      if planted(.mergeGreaterMark) { for index in marks.indices { marks[index].settled = settled.max()! } }
      if planted(.mergeLesserMark) { for index in marks.indices { marks[index].settled = settled.min()! } }
      let kept = parts.flatMap(\.kept).map(\.committed).sorted { ($0.offset, $0.slot) < ($1.offset, $1.slot) }
      var account = Account(marks: marks, admittedAt: parts.map(\.admittedAt).max()!, kept: Deque(kept))
      account.coalesce()
      merged.accounts[home] = account
    }
    return merged
  }
}

extension EntityLedger.Kept {
  /// As a state that begins behind it has it.
  var committed: EntityLedger.Kept { .init(offset: offset, slot: slot, key: key, flags: flags, values: values, end: .zero) }
}
