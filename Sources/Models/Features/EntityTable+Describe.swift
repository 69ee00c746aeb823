import Wire

/// What the table knows of one entity, for an operator's eyes.
public struct EntityDescription: Sendable, CustomStringConvertible {
  public let eventCount: Int
  public let oldestEventTime: Int64
  public let newestEventTime: Int64
  /// Events within reach were dropped.
  public let isTruncated: Bool
  /// Of the card's block and header.
  public let memoryBytes: Int
  /// (time, amount) of the newest events, newest first, at most ten.
  public let newestEvents: [(time: Int64, amount: Int64)]

  public var description: String {
    var lines = [
      "events: \(eventCount), from \(oldestEventTime) to \(newestEventTime) ms\(isTruncated ? ", older ones dropped" : "")",
      "memory: \(memoryBytes) bytes",
    ]
    lines += newestEvents.map { "  \($0.time) ms  amount \($0.amount)" }
    return lines.joined(separator: "\n")
  }
}

extension EntityTable {
  /// nil for an entity without history; `token` is one of this table's kind.
  public func describe(_ token: RawSpan) -> EntityDescription? {
    guard let number = find(token, KeyHash(of: token, kind: plan.kind)) else { return nil }
    let header = slab.header(number)
    let layout = plans[header.pointee.planSlot]!
    var ring = Ring(header, layout)
    let isTruncated = trim(&ring)
    let size = layout.blockSize(
      capacity: ring.capacity, tokenLength: Int(header.pointee.tokenLength), isWide: ring.isWide)
    return EntityDescription(
      eventCount: ring.count, oldestEventTime: ring.time(ring.start), newestEventTime: ring.time(ring.end - 1),
      isTruncated: isTruncated, memoryBytes: Allocation.size(size) + MemoryLayout<EntityHeader>.stride,
      newestEvents: (max(ring.start, ring.end - 10)..<ring.end).reversed().map { (ring.time($0), ring.amount($0)) })
  }
}
