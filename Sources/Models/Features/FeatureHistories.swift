import Wire

/// The histories that a whole feature set is computed from, of all its entities in one place: what partitions keep and exchange
/// among them (X), for one process that sees the stream in order. The values are those of a cluster that took the transactions in
/// in the same order (W3).
public struct FeatureHistories: ~Copyable {
  public let features: FeatureSet
  private let parts: FeatureParts
  private var home: EntityTable
  private let foreign: [Table]
  /// Values of one part.
  private var scratch: [Double]

  private final class Table {
    var table: EntityTable
    init(_ features: FeatureSet) { table = EntityTable(features: features) }
  }

  public init(features: FeatureSet) {
    self.features = features
    parts = FeatureParts(features)
    home = EntityTable(features: parts.home.features)
    foreign = parts.foreign.map { Table($0.features) }
    scratch = [Double](repeating: 0, count: max(1, features.count))
  }

  /// Entities of all kinds with history.
  public var count: Int { foreign.reduce(home.count) { $0 + $1.table.count } }

  /// Adds a transaction to the history of each of its entities, and computes the features into `out`, in the set's order. Those of
  /// an entity that the transaction does not have are missing.
  ///
  /// The transaction is proven (`Schema.validate`), `keyHash` is its card's, `out` has room for all features.
  public mutating func observe(
    _ t: TransactionView, keyHash: KeyHash, into out: UnsafeMutableBufferPointer<Double>
  ) -> Observation {
    guard !parts.isWhole else { return home.observe(t, keyHash: keyHash, into: out) }
    precondition(out.count >= features.count, "the vector has no room for all features")
    var seen = scratch.withUnsafeMutableBufferPointer { home.observe(t, keyHash: keyHash, into: $0) }
    scatter(parts.home, into: out)
    for (part, kept) in zip(parts.foreign, foreign) {
      let slot = EntitySlot(part.features.entity)
      guard t.token(slot).byteCount > 0 else {
        for column in part.columns { out[column] = .nan }
        continue
      }
      let key = t.key(slot)
      let observed = scratch.withUnsafeMutableBufferPointer { kept.table.observe(t, keyHash: key, into: $0) }
      // Whether it is the first event is said of the card.
      seen.formUnion(observed.subtracting(.firstEvent))
      scatter(part, into: out)
    }
    parts.finish(out, amount: t.amount)
    return seen
  }

  /// A label has come, of a transaction that was observed before: features of transactions observed from here on see it. What the
  /// answer says of the transaction was so before; nothing changes unless it had no label, or one of a lower version.
  @discardableResult
  public mutating func label(_ label: Label, _ t: TransactionView, keyHash: KeyHash) -> LabelStanding {
    let standing = home.labelStanding(t, keyHash: keyHash)
    guard case .known(let earlier) = standing, earlier.map({ $0.version < label.version }) ?? true else { return standing }
    home.setLabel(label, of: t, keyHash: keyHash)
    for (part, kept) in zip(parts.foreign, foreign) where part.features.labelReach > 0 {
      let slot = EntitySlot(part.features.entity)
      guard t.token(slot).byteCount > 0 else { continue }
      kept.table.setLabel(label, of: t, keyHash: t.key(slot))
    }
    return standing
  }

  private func scatter(_ part: FeatureParts.Part, into out: UnsafeMutableBufferPointer<Double>) {
    for (place, column) in part.columns.enumerated() { out[column] = scratch[place] }
  }
}
