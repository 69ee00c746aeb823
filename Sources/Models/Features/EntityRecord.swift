import Wire

/// One entity in a snapshot: its block without slack, as its plan lays it out (`Ring`, `EntityLayout`).
///
/// ```
/// u8 entity kind  u8 token length  u8 slot of the layout  u8 flags: 1 wide, 2 truncated, 4 with a summary  u16 events (1...8,192)  u16 0
/// block: base time i64 | running state | token | pad to 8 | bitmaps | hashed columns | times | amounts | codes
/// u32 length of the summary, the summary (`EntitySummary`): with that flag alone
/// ```
/// A build that lays blocks out like this copies it as it is; any other takes token and events out of it and derives the rest.
struct EntityRecord {
  static let headerSize = 8

  var tokenLength: Int
  var slot: Int
  var isWide: Bool
  var isTruncated: Bool
  var hasSummary: Bool
  var events: Int

  init(_ bytes: UnsafeRawBufferPointer, at start: Int, kind: EntityKind) throws(WireError) {
    guard bytes.count - start >= Self.headerSize else { throw .truncated(at: start, needed: Self.headerSize - (bytes.count - start)) }
    func byte(_ at: Int) -> Int { Int(bytes[start + at]) }
    tokenLength = byte(1)
    slot = byte(2)
    isWide = byte(3) & 1 != 0
    isTruncated = byte(3) & 2 != 0
    hasSummary = byte(3) & 4 != 0
    events = byte(4) | byte(5) << 8
    guard byte(0) == Int(kind.rawValue), (1...TransactionView.tokenLengthMax).contains(tokenLength), byte(3) < 8,
      slot < EntitySlab.planSlots, (1...FeatureSet.eventsPerEntityLimit).contains(events), byte(6) == 0, byte(7) == 0
    else { throw .invalid(at: start, "this is no entity record") }
  }
}

/// Turns copies of entities into records, and gathers their digest on the way.
public struct EntityRecordWriter: ~Copyable {
  private var digest: EntityDigest?
  private let facts: EntityFacts
  private var scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
  public private(set) var count = 0

  public init(_ facts: EntityFacts) {
    self.facts = facts
    digest = facts.plan.map(EntityDigest.init)
  }

  deinit { scratch.deallocate() }

  /// Appends each entity's record to `out`; `written` is told after each, so that it may empty it.
  public mutating func write(_ images: EntityImages, to out: inout [UInt8], written: (inout [UInt8]) -> Void) {
    images.forEach { header, plan, summary in
      digest!.add(header, laidOutBy: plan, summary)
      append(header, plan, summary, to: &out)
      count += 1
      written(&out)
    }
  }

  /// Of all entities, once each has been written.
  public func stateDigest() -> StateDigest { digest!.finish(completeSince: facts.completeSince) }

  private mutating func append(
    _ header: UnsafeMutablePointer<EntityHeader>, _ plan: FeaturePlan, _ summary: EntitySummary?, to out: inout [UInt8]
  ) {
    let source = Ring(header, plan)
    let tokenLength = Int(header.pointee.tokenLength)
    let size = plan.blockSize(capacity: source.count, tokenLength: tokenLength, isWide: source.isWide)
    if scratch.count < size {
      scratch.deallocate()
      scratch = .allocate(byteCount: size * 2, alignment: 16)
    }
    let block = scratch.baseAddress!
    block.initializeMemory(
      as: UInt8.self, repeating: 0,
      count: plan.bitmapsOffset(tokenLength: tokenLength) + plan.bitmapCount * Bitmap.wordCount(source.count) * 8)
    block.storeBytes(of: source.base, as: Int64.self)
    (block + plan.stateSize).copyMemory(from: source.block + plan.stateSize, byteCount: tokenLength)
    var compact = header.pointee
    compact.block = block
    compact.capacity = UInt16(source.count)
    compact.start = 0
    compact.end = 0
    withUnsafeMutablePointer(to: &compact) { compact in
      var target = Ring(compact, plan)
      source.copy(to: &target, plan)
    }
    out.append(plan.kind.rawValue)
    out.append(UInt8(tokenLength))
    out.append(UInt8(header.pointee.planSlot))
    out.append((source.isWide ? 1 : 0) | (header.pointee.isTruncated ? 2 : 0) | (summary != nil ? 4 : 0))
    out.append(UInt8(truncatingIfNeeded: source.count))
    out.append(UInt8(truncatingIfNeeded: source.count >> 8))
    out.append(0)
    out.append(0)
    out.append(contentsOf: UnsafeRawBufferPointer(start: block, count: size))
    guard let summary else { return }
    var encoded = WireWriter()
    summary.write(to: &encoded)
    for shift in [0, 8, 16, 24] { out.append(UInt8(truncatingIfNeeded: encoded.bytes.count >> shift)) }
    out += encoded.bytes
  }
}
