import Models
import Wire

@testable import Models
@testable import Worker

/// Holds what homes took in and decided against what other partitions made of their contributions: each is applied exactly once
/// (X1, X2), and a decision has an entity's values as they were just after it, or none and says so (X4).
final class ExchangeOracle {
  struct Intake {
    var bundle: Bundle
    var slots: EntitySlots
    /// The home's.
    var values: [Double?]
    var flags: Decision.Flags
  }

  struct Contribution {
    var at: PartitionID
    var values: [Double?]
    var flags: Decision.Flags
  }

  private struct Place: Hashable {
    var home: PartitionID
    var offset: Offset
  }

  private struct Identity: Hashable {
    var place: Place
    var slot: EntitySlot
  }

  private struct Late {
    var place: Place
    var row: Int
    var bytes: [UInt8]
    var rows: Int
    var isBlocked: Bool
  }

  private var intakes: [Place: Intake] = [:]
  private var contributions: [Identity: Contribution] = [:]
  /// Labels, and whom they are owed to.
  private var labels: [Place: EntitySlots] = [:]
  private var late: [Late] = []
  private(set) var degraded = 0

  var contributed: Int { contributions.count }
  var labelled: Int { labels.count }

  func took(_ home: PartitionID, _ offset: Offset, _ intake: Intake) { intakes[Place(home: home, offset: offset)] = intake }

  func labelled(_ home: PartitionID, _ offset: Offset, _ slots: EntitySlots) { labels[Place(home: home, offset: offset)] = slots }

  func contributed(_ home: PartitionID, _ offset: Offset, _ slot: EntitySlot, _ contribution: Contribution) -> String? {
    let identity = Identity(place: Place(home: home, offset: offset), slot: slot)
    if let before = contributions[identity] {
      return "the contribution of \(home) \(offset) to its \(slot) is applied twice, at \(before.at) and at \(contribution.at) (X2)"
    }
    contributions[identity] = contribution
    return nil
  }

  func note(_ decisions: borrowing LateDecisions, of home: PartitionID, isBlocked: [Bool]) throws(WireError) -> String? {
    let bytes = decisions.bytes.withUnsafeBytes { Array($0) }
    for row in 0..<decisions.rowCount {
      late.append(
        Late(
          place: Place(home: home, offset: decisions.offset(row)), row: row, bytes: bytes, rows: decisions.rowCount,
          isBlocked: isBlocked[row]))
    }
    return nil
  }

  /// What doesn't hold, once every partition's history has been gone through.
  func finish() -> String? {
    var decided: Set<Place> = []
    for late in late {
      let place = late.place
      guard decided.insert(place).inserted else { return "\(place.home) \(place.offset) is decided twice" }
      guard let intake = intakes[place] else { return "\(place.home) \(place.offset) is decided, and nothing was taken in there" }
      if let problem = check(late, intake) { return "\(place.home) \(place.offset): \(problem)" }
    }
    for (place, intake) in intakes {
      guard decided.contains(place) else { return "\(place.home) \(place.offset) was taken in, and never decided" }
      var missing: EntitySlot?
      intake.slots.forEach { if contributions[Identity(place: place, slot: $0)] == nil { missing = $0 } }
      if let missing { return "the contribution of \(place.home) \(place.offset) to its \(missing) is lost (X4)" }
    }
    for (place, slots) in labels {
      var missing: EntitySlot?
      slots.forEach { if contributions[Identity(place: place, slot: $0)] == nil { missing = $0 } }
      if let missing { return "the label at \(place.home) \(place.offset) never came to its \(missing)" }
    }
    for identity in contributions.keys
    where (intakes[identity.place]?.slots ?? labels[identity.place])?.contains(identity.slot) != true {
      return "\(identity.place.home) \(identity.place.offset) contributed to a \(identity.slot), and owes it nothing"
    }
    return nil
  }

  private func check(_ late: Late, _ intake: Intake) -> String? {
    do throws(WireError) {
      let batch = try LateDecisions(reading: late.bytes.span.bytes).batch
      guard batch.bundle == intake.bundle.id else {
        return "it was taken in under \(intake.bundle.id), and is decided under \(batch.bundle) (S3)"
      }
      let logged = batch.features(late.row).withUnsafeBytes { raw in
        (0..<batch.featureCount).map { raw.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
      }
      guard logged.count == intake.values.count else { return "it has \(logged.count) features" }
      var values = intake.values
      var flags = intake.flags
      var lost: EntitySlot?
      intake.slots.forEach { slot in
        let columns = intake.bundle.features.features.indices.filter {
          let feature = intake.bundle.features.features[$0]
          if case .ratio = feature.aggregate { return false }
          return feature.entity == slot.kind
        }
        guard let contribution = contributions[Identity(place: late.place, slot: slot)] else {
          lost = slot
          return
        }
        // Counts are never missing: without them there are none of the entity's.
        guard columns.contains(where: { !logged[$0].isNaN }) else {
          flags.insert(.degraded)
          return
        }
        flags.formUnion(contribution.flags)
        for column in columns { values[column] = contribution.values[column] }
      }
      if let lost { return "its contribution to its \(lost) is lost (X4)" }
      if flags.contains(.degraded) { degraded += 1 }
      return OracleDecision.check(batch, late.row, values, flags, intake.bundle, isBlocked: late.isBlocked)
    } catch {
      return "\(error)"
    }
  }
}
