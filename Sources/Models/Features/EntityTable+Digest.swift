import Wire

/// 128 bits over a partition's keyed state; equal states have equal digests on every replica (R14).
public struct StateDigest: Hashable, Sendable, CustomStringConvertible {
  public let high: UInt64
  public let low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// 32 hexadecimal digits.
  public var description: String { hexadecimal(high) + hexadecimal(low) }
}

extension EntityTable {
  /// Over what decides later features, and nothing else: each entity's kind, token and events as the current plan
  /// keeps them, and since when the history is complete. Not over the layout: width, room and the order of entities
  /// may differ between replicas. One wyhash chain an entity, summed over the entities. Reads the whole state.
  public func digest() -> StateDigest {
    var digest = EntityDigest(plan)
    for number in 0..<slab.count {
      let header = slab.header(number)
      digest.add(header, laidOutBy: plans[header.pointee.planSlot]!, summaries[number])
    }
    return digest.finish(completeSince: completeSince)
  }
}

/// Gathers the digest of a table's entities in any order.
struct EntityDigest {
  /// What is kept by it counts, whatever more an entity may still hold.
  let plan: FeaturePlan
  private var high: UInt64 = 0
  private var low: UInt64 = 0
  private var count = 0

  init(_ plan: FeaturePlan) { self.plan = plan }

  mutating func add(_ header: UnsafeMutablePointer<EntityHeader>, laidOutBy layout: FeaturePlan, _ summary: EntitySummary?) {
    var hash = withUnsafeTemporaryAllocation(byteCount: 8 * (2 + EventField.count), alignment: 8) { row in
      Self.hash(header, layout, plan, row)
    }
    // As it is once the entity has been laid out by the current plan.
    let kept = layout === plan ? summary : EntityTable.summary(summary, Ring(header, layout), laidOutBy: layout, under: plan)
    if let kept { hash = hash ^ kept.digest &* 0x9E37_79B9_7F4A_7C15 }
    high &+= hash
    low &+= hash &* hash &* 0xA076_1D64_78BD_642F &+ (hash >> 29 ^ hash)
    count += 1
  }

  func finish(completeSince: Int64) -> StateDigest {
    var words: [UInt64] = [UInt64(count), UInt64(bitPattern: completeSince), UInt64(bitPattern: plan.allowedLateness)]
    for index in words.indices { words[index] = words[index].littleEndian }
    let whole = words.withUnsafeBytes { hash64($0, seed: 0) }
    return StateDigest(high: high &+ whole, low: low ^ whole)
  }

  private static func hash(
    _ header: UnsafeMutablePointer<EntityHeader>, _ layout: FeaturePlan, _ plan: FeaturePlan, _ row: UnsafeMutableRawBufferPointer
  ) -> UInt64 {
    var ring = Ring(header, layout)
    let isTruncated = EntityTable.trim(&ring, to: plan)
    let token = UnsafeRawBufferPointer(start: ring.block + layout.stateSize, count: Int(header.pointee.tokenLength))
    var hash = hash64(token, seed: UInt64(plan.kind.rawValue) << 1 | (isTruncated ? 1 : 0))
    let size = 8 * (2 + plan.columns.count)
    for index in ring.start..<ring.end {
      row.storeBytes(of: ring.time(index).littleEndian, as: Int64.self)
      row.storeBytes(of: ring.amount(index).littleEndian, toByteOffset: 8, as: Int64.self)
      for (number, column) in plan.columns.enumerated() {
        let value = EntityTable.value(ring, layout, column.field, index)
        row.storeBytes(of: value.littleEndian, toByteOffset: 16 + 8 * number, as: UInt64.self)
      }
      hash = hash64(UnsafeRawBufferPointer(rebasing: row[0..<size]), seed: hash)
    }
    return hash
  }
}
