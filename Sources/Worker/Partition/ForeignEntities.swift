import Models
import Wire

/// Histories of the entities other than cards whose keys lie in a partition (X2): a table for each kind that a bundle has
/// features of.
///
/// A kind stays once it is there, whatever bundle decides later: contributions of intakes before the switch may still come.
struct ForeignEntities {
  final class Kept {
    var table: EntityTable
    init(_ table: consuming EntityTable) { self.table = table }
    var kind: EntityKind { table.features.entity }
  }

  /// By rising kind.
  private(set) var kept: [Kept] = []

  subscript(kind: EntityKind) -> Kept? { kept.first { $0.kind == kind } }

  var isEmpty: Bool { kept.isEmpty }
  var count: Int { kept.reduce(0) { $0 + $1.table.count } }
  var memoryBytes: Int { kept.reduce(0) { $0 + $1.table.memoryBytes } }

  /// The bundle's features are what the tables compute from here on.
  mutating func follow(_ parts: FeatureParts) {
    for part in parts.foreign {
      if let known = self[part.features.entity] {
        if known.table.features != part.features { known.table.rebuild(features: part.features) }
      } else {
        add(Kept(EntityTable(features: part.features)))
      }
    }
  }

  mutating func add(_ table: Kept) {
    kept.append(table)
    kept.sort { $0.kind.rawValue < $1.kind.rawValue }
  }

  /// Of the keys in `range`, as a copy (R12).
  func part(_ range: KeyRange) -> ForeignEntities {
    var part = ForeignEntities()
    part.kept = kept.map { Kept($0.table.part(range)) }
    return part
  }

  /// Of two whose keys are apart; both are used up.
  static func merged(_ a: ForeignEntities, _ b: ForeignEntities) -> ForeignEntities {
    var merged = a
    for other in b.kept {
      if let known = merged[other.kind] { known.table.absorb(other.table.part(KeyRange.tiles(1)[0])) } else { merged.add(other) }
    }
    return merged
  }

  func digests() -> [EntityKind.Digest] { kept.map { .init(kind: $0.kind, digest: $0.table.digest()) } }

  // MARK: Snapshots

  /// Begins a walk over each table.
  func beginWalk() -> [EntityFacts] { kept.map { $0.table.beginWalk() } }

  /// The next entities of the first table that is not done; nil when all are.
  func walkOn(bytes: Int) -> EntityImages? {
    guard let next = kept.firstIndex(where: { $0.table.isWalking }) else { return nil }
    let isFollowed = kept[(next + 1)...].contains { $0.table.isWalking }
    return kept[next].table.walkOn(bytes: bytes, isFollowed: isFollowed)
  }

  var isWalking: Bool { kept.contains { $0.table.isWalking } }

  func endWalk() { for kept in kept { kept.table.endWalk() } }
}

extension EntityKind {
  struct Digest: Equatable, Sendable {
    var kind: EntityKind
    var digest: StateDigest
  }
}
