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
    var high: UInt64 = 0
    var low: UInt64 = 0
    withUnsafeTemporaryAllocation(byteCount: 8 * (2 + EventField.count), alignment: 8) { row in
      for number in 0..<slab.count {
        let hash = digest(of: slab.header(number), row)
        high &+= hash
        low &+= hash &* hash &* 0xA076_1D64_78BD_642F &+ (hash >> 29 ^ hash)
      }
      row.storeBytes(of: UInt64(slab.count).littleEndian, as: UInt64.self)
      row.storeBytes(of: completeSince.littleEndian, toByteOffset: 8, as: Int64.self)
      row.storeBytes(of: plan.allowedLateness.littleEndian, toByteOffset: 16, as: Int64.self)
      let whole = hash64(UnsafeRawBufferPointer(rebasing: row[0..<24]), seed: 0)
      high &+= whole
      low ^= whole
    }
    return StateDigest(high: high, low: low)
  }

  private func digest(
    of header: UnsafeMutablePointer<EntityHeader>, _ row: UnsafeMutableRawBufferPointer
  ) -> UInt64 {
    let layout = plans[header.pointee.planSlot]!
    var ring = Ring(header, layout)
    let isTruncated = trim(&ring)
    let token = UnsafeRawBufferPointer(start: ring.block + layout.stateSize, count: Int(header.pointee.tokenLength))
    var hash = hash64(token, seed: UInt64(EntityKind.card.rawValue) << 1 | (isTruncated ? 1 : 0))
    let size = 8 * (2 + plan.columns.count)
    for index in ring.start..<ring.end {
      row.storeBytes(of: ring.time(index).littleEndian, as: Int64.self)
      row.storeBytes(of: ring.amount(index).littleEndian, toByteOffset: 8, as: Int64.self)
      for (number, column) in plan.columns.enumerated() {
        let value = Self.value(ring, layout, column.field, index)
        row.storeBytes(of: value.littleEndian, toByteOffset: 16 + 8 * number, as: UInt64.self)
      }
      hash = hash64(UnsafeRawBufferPointer(rebasing: row[0..<size]), seed: hash)
    }
    return hash
  }
}
