import Wire

/// A feature set by the partitions that compute it: the home partition keeps the card's history, other partitions those
/// of the other entities (X1), and what needs several of them is computed once all values are there.
///
/// A ratio belongs to whoever has both of its operands; the transaction's amount is known everywhere.
public struct FeatureParts: Sendable {
  public struct Part: Sendable {
    /// In the order of the whole set; references between them count within the part.
    public let features: FeatureSet
    /// Place of each in the whole set.
    public let columns: [Int]
  }

  public struct Ratio: Sendable, Equatable {
    public let output: Int
    public let numerator: Aggregate.Numerator
    public let divisor: Int
  }

  /// The features of the set's own entity, and the transaction's own.
  public let home: Part
  /// By rising kind; no part is empty.
  public let foreign: [Part]
  /// Between values of several parts, each behind those that it needs.
  public let ratios: [Ratio]

  public init(_ set: FeatureSet) {
    var owners = [EntityKind?](repeating: nil, count: set.count)
    let order = set.evaluationOrder
    for index in order { owners[index] = Self.owner(set.features[index], owners, of: set.entity) }
    home = Self.part(set, set.entity, owners, labelReach: set.labelReach)
    foreign = EntityKind.allCases.filter { $0 != set.entity && owners.contains($0) }.map { Self.part(set, $0, owners) }
    ratios = order.compactMap { index in
      guard owners[index] == nil, case .ratio(let numerator, let divisor) = set.features[index].aggregate else { return nil }
      return Ratio(output: index, numerator: numerator, divisor: divisor)
    }
  }

  /// Entities whose features other partitions compute.
  public var slots: EntitySlots { foreign.reduce(into: EntitySlots()) { $0.insert(EntitySlot($1.features.entity)) } }

  /// Those of them whose features ask for labels.
  public var labelSlots: EntitySlots {
    foreign.reduce(into: EntitySlots()) { if $1.features.labelReach > 0 { $0.insert(EntitySlot($1.features.entity)) } }
  }

  /// One partition computes all of it.
  public var isWhole: Bool { foreign.isEmpty && ratios.isEmpty }

  public func part(_ kind: EntityKind) -> Part? { foreign.first { $0.features.entity == kind } }

  /// Computes what lies between the parts, once their values stand in `row`; NaN is missing. `amount` is the transaction's.
  public func finish(_ row: UnsafeMutableBufferPointer<Double>, amount: Int64) {
    for ratio in ratios {
      let divisor = row[ratio.divisor]
      let numerator: Double =
        switch ratio.numerator {
        case .amount: Double(amount)
        case .feature(let index): row[index]
        }
      row[ratio.output] = divisor == 0 || divisor.isNaN ? .nan : numerator / divisor
    }
  }

  /// Whose partition computes a feature; nil for nobody's alone. `known` are those of the features that it needs.
  private static func owner(_ feature: Feature, _ known: [EntityKind?], of home: EntityKind) -> EntityKind? {
    switch feature.aggregate {
    case .own, .calendar: return home
    case .ratio(let numerator, let divisor):
      guard case .feature(let index) = numerator else { return known[divisor] }
      return known[index] == known[divisor] ? known[divisor] : nil
    default: return feature.entity
    }
  }

  private static func part(_ set: FeatureSet, _ kind: EntityKind, _ owners: [EntityKind?], labelReach: Int64 = 0) -> Part {
    let columns = owners.indices.filter { owners[$0] == kind }
    let features = columns.map { column -> Feature in
      let feature = set.features[column]
      guard case .ratio(let numerator, let divisor) = feature.aggregate else { return feature }
      var moved = Aggregate.Numerator.amount
      if case .feature(let index) = numerator { moved = .feature(columns.firstIndex(of: index)!) }
      return Feature(name: feature.name, entity: feature.entity, aggregate: .ratio(moved, by: columns.firstIndex(of: divisor)!))
    }
    return Part(
      features: FeatureSet(
        features: features, entity: kind, allowedLateness: set.allowedLateness, eventsPerEntityMax: set.eventsPerEntityMax,
        extraFieldCount: set.extraFieldCount, coordinates: set.coordinates, zones: set.zones, geo: set.geo,
        labelReach: labelReach),
      columns: columns)
  }
}
