import Models
import Wire

/// Histories of the entities other than cards whose keys lie in a partition (X2): a table for each kind that a bundle has
/// features of.
///
/// A kind stays once it is there, whatever bundle decides later: contributions of intakes before the switch may still come.
struct ForeignEntities {
  final class Kept {
    var table: EntityTable
    /// Which bundles' features, joined in this order, a set of the table's is: of each that some entity may be laid out by.
    private(set) var origins: [Origin]
    /// Values of the transaction observed last, in the table's order.
    private(set) var row: [Double]
    /// Where a bundle's features stand in it, as far as it has been asked; nil within for one that is not all there.
    private var columns: [BundleID: [Int]?] = [:]

    struct Origin {
      var features: FeatureSet
      var bundles: [BundleID]
    }

    init(_ table: consuming EntityTable, origins: [Origin]) {
      row = [Double](repeating: .nan, count: max(1, table.features.count))
      self.table = table
      self.origins = origins
    }

    var kind: EntityKind { table.features.entity }

    func observe(_ transaction: TransactionView, keyHash: KeyHash) -> Observation {
      row.withUnsafeMutableBufferPointer { table.observe(transaction, keyHash: keyHash, into: $0) }
    }

    func columns(of bundle: Bundle) -> [Int]? {
      if let known = columns[bundle.id] { return known }
      let found = bundle.parts.part(kind).flatMap { table.features.columns(of: $0.features) }
      columns[bundle.id] = found
      return found
    }

    /// What the table computes from here on.
    func follow(_ origin: Origin) {
      columns.removeAll()
      add(origin)
      guard table.features != origin.features else { return }
      table.rebuild(features: origin.features)
      row = [Double](repeating: .nan, count: max(1, origin.features.count))
    }

    func add(_ origin: Origin) {
      if !origins.contains(where: { $0.features == origin.features }) { origins.append(origin) }
    }

    func forgetOrigins(but used: [FeatureSet]) { origins.removeAll { !used.contains($0.features) } }

    func part(_ range: KeyRange) -> Kept { Kept(table.part(range), origins: origins) }
  }

  /// By rising kind.
  private(set) var kept: [Kept] = []

  subscript(kind: EntityKind) -> Kept? { kept.first { $0.kind == kind } }

  var isEmpty: Bool { kept.isEmpty }
  var count: Int { kept.reduce(0) { $0 + $1.table.count } }
  var memoryBytes: Int { kept.reduce(0) { $0 + $1.table.memoryBytes } }

  /// The bundles' features are what the tables compute from here on (X6); the first of them says how late an event may be.
  mutating func follow(_ bundles: [Bundle]) {
    for kind in EntityKind.allCases {
      guard let origin = Self.origin(kind, bundles) else { continue }
      if let known = self[kind] {
        known.follow(origin)
      } else {
        add(Kept(EntityTable(features: origin.features), origins: [origin]))
      }
    }
  }

  /// Features of `kind` in these bundles, joined; nil where none has any.
  static func origin(_ kind: EntityKind, _ bundles: [Bundle]) -> Kept.Origin? {
    let asking = bundles.filter { $0.parts.part(kind) != nil }
    let sets = asking.map { $0.parts.part(kind)!.features }
    guard let first = sets.first else { return nil }
    return Kept.Origin(features: first.joined(with: Array(sets.dropFirst())), bundles: asking.map(\.id))
  }

  mutating func add(_ table: Kept) {
    kept.append(table)
    kept.sort { $0.kind.rawValue < $1.kind.rawValue }
  }

  /// Of the keys in `range`, as a copy (R12).
  func part(_ range: KeyRange) -> ForeignEntities {
    var part = ForeignEntities()
    part.kept = kept.map { $0.part(range) }
    return part
  }

  /// Of two whose keys are apart; both are used up.
  static func merged(_ a: ForeignEntities, _ b: ForeignEntities) -> ForeignEntities {
    var merged = a
    for other in b.kept {
      guard let known = merged[other.kind] else {
        merged.add(other)
        continue
      }
      known.table.absorb(other.table.part(KeyRange.tiles(1)[0]))
      for origin in other.origins { known.add(origin) }
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
