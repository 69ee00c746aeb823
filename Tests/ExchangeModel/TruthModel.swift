import Wire
import Worker

/// What has happened in a run, seen from above, and whether it may.
struct TruthModel {
  struct Identity: Hashable {
    var home: PartitionID
    var offset: Offset
    var slot: EntitySlot
  }

  struct Place: Hashable {
    var home: PartitionID
    var offset: Offset
  }

  private(set) var violation: String?
  /// Committed intakes: what each contributes.
  private(set) var intakes: [Place: (transaction: [UInt8], slots: EntitySlots)] = [:]
  /// Committed decisions: the values of the entities, NaN where one was missing.
  private(set) var decisions: [Place: [Double]] = [:]
  /// Committed contributions and what each was answered with.
  private(set) var applied: [Identity: Double] = [:]
  private(set) var stale = 0
  private(set) var degraded = 0

  mutating func fail(_ what: String) {
    if violation == nil { violation = what }
  }

  mutating func committedIntake(_ home: PartitionID, _ offset: Offset, _ transaction: [UInt8], _ slots: EntitySlots) {
    intakes[Place(home: home, offset: offset)] = (transaction, slots)
  }

  mutating func committedDecision(_ home: PartitionID, _ offset: Offset, _ values: [Double]) {
    let place = Place(home: home, offset: offset)
    if decisions[place] != nil { fail("\(home): \(offset) was decided twice") }
    decisions[place] = values
    if let intake = intakes[place], zip(ExchangeModel.slots, values).contains(where: { intake.slots.contains($0) && $1.isNaN }) {
      degraded += 1
    }
    for (slot, value) in zip(ExchangeModel.slots, values) where !value.isNaN {
      let known = applied[Identity(home: home, offset: offset, slot: slot)]
      if known != value {
        fail("\(home): \(offset) was decided with \(value) for its \(slot), and that had \(known.map { "\($0)" } ?? "none")")
      }
    }
  }

  mutating func committedContribution(_ home: PartitionID, _ item: ContributionItem, _ slot: EntitySlot, _ value: Double) {
    let identity = Identity(home: home, offset: item.offset, slot: slot)
    if applied[identity] != nil { fail("the contribution of \(home):\(item.offset) to its \(slot) was applied twice") }
    applied[identity] = value
    guard let intake = intakes[Place(home: home, offset: item.offset)], intake.transaction[...] == item.transaction else {
      fail("a contribution of \(home):\(item.offset), which never committed, was applied")
      return
    }
  }

  mutating func sawReplies(_ message: ContributionReplies) {
    guard case .replies(let replies) = message.result else { return }
    for reply in replies {
      let identity = Identity(home: message.home, offset: reply.offset, slot: reply.slot)
      switch reply.status {
      case .applied(_, let values):
        guard let known = applied[identity] else {
          fail("\(message.home):\(reply.offset) was answered for its \(reply.slot) before that had committed")
          return
        }
        if known != values.first { fail("a repeated reply to \(message.home):\(reply.offset) differs from the first") }
      case .stale:
        stale += 1
        if applied[identity] == nil { fail("the contribution of \(message.home):\(reply.offset), never applied, was refused as stale") }
      }
    }
  }

  mutating func retire(_ home: PartitionID) {
    for (place, intake) in intakes where place.home == home {
      if decisions[place] == nil { fail("\(home) retired, and \(place.offset) is undecided") }
      checkApplied(place, intake.slots, "\(home) retired, and")
    }
  }

  mutating func checkConserved() {
    for (place, intake) in intakes {
      if decisions[place] == nil { fail("healed, and \(place.home):\(place.offset) is undecided") }
      checkApplied(place, intake.slots, "healed, and")
    }
  }

  private mutating func checkApplied(_ place: Place, _ slots: EntitySlots, _ when: String) {
    slots.forEach { slot in
      if applied[Identity(home: place.home, offset: place.offset, slot: slot)] == nil {
        fail("\(when) the contribution of \(place.home):\(place.offset) to its \(slot) was never applied")
      }
    }
  }
}
