import Testing
import Wire

@testable import Worker

@Suite struct DedupTableTests {
  static func decision(_ score: Int) -> Decision {
    Decision(score: Float(score), action: .approve, verdict: .clear, flags: [], reasons: Decision.noReasons)
  }

  /// A quarter of the keys share their tag (the upper half of `low`) with some others, a few with hundreds; those differ
  /// in `high` alone.
  static func key(_ random: inout SeededRandom) -> Fingerprint {
    let name = UInt64(random.below(150_000))
    if name % 500 == 1 { return Fingerprint(high: name, low: .max) }
    if name % 4 == 0 { return Fingerprint(high: name, low: (name % 16_384) << 32 | name) }
    return Fingerprint(high: name, low: name &* 0x9e37_79b9_7f4a_7c15)
  }

  @Test func `a table agrees with a dictionary over many random steps, and so does its copy by the same steps`() {
    struct Known { var content: UInt64, offset: UInt64, time: Int64 }
    var random = SeededRandom(seed: 11)
    var table = DedupTable()
    var twin = DedupTable()
    var model: [Fingerprint: Known] = [:]
    var order: [(Fingerprint, Int64)] = []
    var oldest = 0
    var now: Int64 = 0
    var conflicts = 0
    var duplicates = 0
    for step in 0..<200_000 {
      now += Int64(random.below(3))
      // Phases with a long horizon let the index double, short ones empty it again.
      let horizon: Int64 = step / 40_000 % 2 == 0 ? 60_000 : 3_000
      if random.below(20) == 0 {
        table.expire(before: now - horizon)
        twin.expire(before: now - horizon)
        while oldest < order.count, order[oldest].1 < now - horizon {
          model[order[oldest].0] = nil
          oldest += 1
        }
      }
      let key = random.below(40) == 1 ? Fingerprint(high: 1, low: .max) : Self.key(&random)
      let content = UInt64(random.below(10) == 0 ? 1 : 0)
      let found = table.lookup(key, content: content)
      switch (model[key], found) {
      case (nil, .new):
        model[key] = Known(content: content, offset: UInt64(step), time: now)
        order.append((key, now))
        let number = table.insert(
          key, content: content, partition: PartitionID(1), offset: Offset(UInt64(step)), decision: Self.decision(0), bundle: 1,
          loggedTime: now)
        table.settle(number, Self.decision(step))
        twin.insert(
          key, content: content, partition: PartitionID(1), offset: Offset(UInt64(step)), decision: Self.decision(step), bundle: 1,
          loggedTime: now)
      case (let known?, .duplicate(let entry)):
        duplicates += 1
        guard known.content == content, entry.offset == known.offset, entry.loggedTime == known.time,
          entry.decision == Self.decision(Int(known.offset))
        else {
          Issue.record("step \(step): \(entry) is not \(known)")
          return
        }
      case (let known?, .conflict):
        conflicts += 1
        guard known.content != content else {
          Issue.record("step \(step): a conflict with the same content")
          return
        }
      case (let known, let found):
        Issue.record("step \(step): \(found), the model has \(String(describing: known))")
        return
      }
      guard table.count == model.count else {
        Issue.record("step \(step): \(table.count) entries, not \(model.count)")
        return
      }
    }
    #expect(conflicts > 1_000 && duplicates > 5_000, "\(conflicts) conflicts, \(duplicates) duplicates")
    for (key, known) in model where table.lookup(key, content: known.content) == .new {
      Issue.record("\(key) was lost")
      return
    }
    #expect(table.digest() == twin.digest())
  }

  @Test func `entries of one tag are told apart through every doubling of the index, and each can be forgotten`() {
    var table = DedupTable()
    func key(_ i: Int) -> Fingerprint { Fingerprint(high: UInt64(i), low: 0xFFFF_FFFF_FFFF_FFFF) }
    // One chain of 2,000: growth at 512 and 1,024 moves it while it is asked for.
    for i in 0..<2_000 {
      #expect(table.lookup(key(i), content: 0) == .new)
      table.insert(
        key(i), content: 0, partition: PartitionID(1), offset: Offset(UInt64(i)), decision: Self.decision(0), bundle: 0,
        loggedTime: Int64(i))
    }
    table.expire(before: 1_500)
    #expect(table.count == 500 && table.horizonStart == 1_500)
    #expect(table.lookup(key(1_499), content: 0) == .new)
    guard case .duplicate(let entry) = table.lookup(key(1_500), content: 0) else {
      Issue.record("1,500 was lost")
      return
    }
    #expect(entry.offset == 1_500)
    guard case .conflict = table.lookup(key(1_999), content: 1) else { return #expect(Bool(false), "other content") }
  }

  @Test func `the horizon never goes back, and a digest tells the order of entries`() {
    var table = DedupTable()
    table.expire(before: 100)
    table.expire(before: 50)
    #expect(table.horizonStart == 100)
    func digest(_ keys: [UInt64]) -> UInt64 {
      var table = DedupTable()
      for key in keys {
        table.insert(
          Fingerprint(high: 0, low: key), content: 0, partition: PartitionID(1), offset: .zero, decision: Self.decision(0), bundle: 0,
          loggedTime: 0)
      }
      return table.digest()
    }
    #expect(digest([1, 2]) == digest([1, 2]) && digest([1, 2]) != digest([2, 1]) && digest([1]) != digest([1, 2]))
  }
}

@Suite struct DedupTableSplitTests {
  @Test func `parts have their cards' entries in order, and merged again they are the table that was split`() {
    var random = SeededRandom(seed: 12)
    var table = DedupTable()
    var keys: [Fingerprint] = []
    for step in 0..<60_000 {
      let key = Fingerprint(high: UInt64(random.below(5_000)) << 51, low: UInt64(step) &* 0x9e37_79b9_7f4a_7c15)
      keys.append(key)
      table.insert(
        key, content: UInt64(step), partition: PartitionID(1), offset: Offset(UInt64(step)), decision: DedupTableTests.decision(step),
        bundle: UInt32(step % 2), loggedTime: Int64(step))  // distinct, so that the order of a merge is the old one
      if step % 1000 == 0 { table.expire(before: Int64(step - 40_000)) }
    }
    let at = UInt64(1_000) << 51
    var low = table.part(KeyRange(first: KeyHash(0), last: KeyHash(at - 1)))
    var high = table.part(KeyRange(first: KeyHash(at), last: KeyHash(.max)))
    #expect(low.count + high.count == table.count)
    let merged = DedupTable.merged(low, high, bundleOfA: [0, 1], bundleOfB: [0, 1])
    #expect(merged.digest() == table.digest())
    #expect(merged.horizonStart == table.horizonStart)
    for (step, key) in keys.enumerated() {
      let found = table.lookup(key, content: UInt64(step))
      #expect(merged.lookup(key, content: UInt64(step)) == found)
      #expect((key.high < at ? low.lookup(key, content: UInt64(step)) : high.lookup(key, content: UInt64(step))) == found)
      #expect((key.high < at ? high.lookup(key, content: UInt64(step)) : low.lookup(key, content: UInt64(step))) == .new)
    }
    low.expire(before: 50_000)
    high.expire(before: 50_000)
    table.expire(before: 50_000)
    #expect(low.count + high.count == table.count)
    // Another list of bundles: the entries go on naming theirs.
    let renumbered = DedupTable.merged(low, high, bundleOfA: [3, 4], bundleOfB: [1, 2])
    for (step, key) in keys.enumerated().suffix(2_000) {
      guard case .duplicate(let entry) = renumbered.lookup(key, content: UInt64(step)) else {
        Issue.record("\(step) is gone")
        continue
      }
      #expect(entry.bundle == UInt32(step % 2) + (key.high < at ? 3 : 1))
    }
  }

  @Test func `an image keeps what was undecided when it was taken`() {
    func key(_ number: Int) -> Fingerprint { Fingerprint(high: UInt64(number), low: UInt64(number) &* 0x9e37_79b9_7f4a_7c15) }
    var table = DedupTable()
    func insert(_ number: Int) {
      table.insert(
        key(number), content: 1, partition: PartitionID(7), offset: Offset(UInt64(number)), decision: DedupTableTests.decision(0),
        bundle: 0,
        loggedTime: Int64(number))
    }
    for number in 0..<6_000 { insert(number) }
    let image = table.image()
    let before = table.digest()
    let late = [3, 4_095, 4_096, 5_999]
    for number in late { table.settle(key(number), partition: PartitionID(7), offset: Offset(UInt64(number)), DedupTableTests.decision(1)) }
    // An id that has come again elsewhere is another entry's.
    table.settle(key(9), partition: PartitionID(8), offset: Offset(9), DedupTableTests.decision(1))
    for number in 6_000..<9_000 { insert(number) }
    var hash: UInt64 = 0
    image.forEach { hash = DedupTable.digest($0, hash) }
    #expect(hash == before)
    for number in 0..<9_000 {
      #expect(table.entry(of: key(number))?.decision == DedupTableTests.decision(late.contains(number) ? 1 : 0))
    }
  }
}
