import Wire

extension EntityTable {
  /// The table that `facts` tell of, still without entities. `features` are those of each layout, in order.
  public init(restoring facts: EntityFacts, features: [FeatureSet]) throws(WireError) {
    precondition(features.count == facts.layouts.count)
    let current = facts.layouts.firstIndex { $0.slot == facts.planSlot }!
    self.init(features: features[current])
    plans[0] = nil
    planSlot = facts.planSlot
    for (layout, features) in zip(facts.layouts, features) {
      plans[layout.slot] = layout.slot == planSlot ? plan : FeaturePlan(features, allowedLateness: features.allowedLateness)
      restoredLayouts[layout.slot] = layout
    }
    completeSince = facts.completeSince
    newestTime = facts.newestTime
    lateCount = facts.lateCount
    outOfOrderCount = facts.outOfOrderCount
  }

  /// Adds the entities of whole records, those that `keep` wants.
  public mutating func restore(_ records: UnsafeRawBufferPointer, keep: (KeyHash) -> Bool = { _ in true }) throws(WireError) {
    var at = 0
    while at < records.count {
      let record = try EntityRecord(records, at: at, kind: self.plan.kind)
      guard let plan = plans[record.slot], let layout = restoredLayouts[record.slot] else {
        throw .invalid(at: at, "an entity of an unknown layout")
      }
      let size = layout.blockSize(events: record.events, tokenLength: record.tokenLength, isWide: record.isWide)
      guard records.count - at - EntityRecord.headerSize >= size else {
        throw .truncated(at: at, needed: EntityRecord.headerSize + size - (records.count - at))
      }
      let block = UnsafeRawBufferPointer(rebasing: records[at + EntityRecord.headerSize..<at + EntityRecord.headerSize + size])
      at += EntityRecord.headerSize + size
      let summary = try record.hasSummary ? Self.summary(records, &at, plan) : nil
      let token = UnsafeRawBufferPointer(rebasing: block[layout.stateSize..<layout.stateSize + record.tokenLength])
      let hash = KeyHash(hash64(token, seed: UInt64(plan.kind.rawValue)))
      guard keep(hash) else { continue }
      try add(record, block, token, hash, plan, layout)
      if let summary { summaries[slab.count - 1] = summary }
    }
  }

  private static func summary(_ records: UnsafeRawBufferPointer, _ at: inout Int, _ plan: FeaturePlan) throws(WireError) -> EntitySummary {
    guard let coarse = plan.coarse else { throw .invalid(at: at, "a summary of features without a resolution") }
    guard records.count - at >= 4 else { throw .truncated(at: at, needed: 4 - (records.count - at)) }
    let length = Int(UInt32(littleEndian: records.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
    at += 4
    guard records.count - at >= length else { throw .truncated(at: at, needed: length - (records.count - at)) }
    defer { at += length }
    return try EntitySummary(reading: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: records[at..<at + length])), coarse)
  }

  private mutating func add(
    _ record: EntityRecord, _ block: UnsafeRawBufferPointer, _ token: UnsafeRawBufferPointer, _ hash: KeyHash, _ plan: FeaturePlan,
    _ layout: EntityLayout
  ) throws(WireError) {
    let isSame = layout.fingerprint == plan.fingerprintKept
    // Its own size if it is copied as it is: it is given room when its next event comes.
    let capacity = isSame ? record.events : Self.capacity(for: record.events)
    let size = plan.blockSize(capacity: capacity, tokenLength: record.tokenLength, isWide: record.isWide)
    guard !isSame || size == block.count else { throw .invalid(at: 0, "a block of another size than its layout says") }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 8)
    blockBytes += Allocation.size(size)
    var header = EntityHeader(block: memory, capacity: UInt16(capacity), tokenLength: UInt8(record.tokenLength))
    header.end = UInt16(record.events)
    header.isWide = record.isWide
    header.isTruncated = record.isTruncated
    header.planSlot = record.slot
    if isSame {
      memory.copyMemory(from: block.baseAddress!, byteCount: size)
    } else {
      withUnsafeMutablePointer(to: &header) { Self.translate(record, block, token, layout, to: $0, plan) }
    }
    let number = slab.append(header)
    slab.touch(number, epoch: epoch)
    index.insert(KeyIndex.mix(hash), number: number)
    entitiesOfPlan[record.slot] += 1
  }

  /// Another build's block: token and events are taken, everything that runs is derived from them.
  private static func translate(
    _ record: EntityRecord, _ block: UnsafeRawBufferPointer, _ token: UnsafeRawBufferPointer, _ layout: EntityLayout,
    to header: UnsafeMutablePointer<EntityHeader>, _ plan: FeaturePlan
  ) {
    let events = record.events
    let base = Int64(littleEndian: block.loadUnaligned(fromByteOffset: 0, as: Int64.self))
    header.pointee.block.storeBytes(of: base, as: Int64.self)
    (header.pointee.block + plan.stateSize).copyMemory(from: token.baseAddress!, byteCount: token.count)
    let ring = Ring(header, plan)
    let columns = layout.bitmapsOffset(record.tokenLength) + layout.bitmapCount * Bitmap.wordCount(events) * 8
    let times = columns + events * layout.timesOffset
    let amounts = times + events * (record.isWide ? 8 : 4)
    for index in 0..<events {
      if record.isWide {
        ring.write(
          index, time: base &+ block.loadUnaligned(fromByteOffset: times + index * 8, as: Int64.self),
          amount: block.loadUnaligned(fromByteOffset: amounts + index * 8, as: Int64.self))
      } else {
        ring.write(
          index, time: base &+ Int64(block.loadUnaligned(fromByteOffset: times + index * 4, as: UInt32.self)),
          amount: Int64(block.loadUnaligned(fromByteOffset: amounts + index * 4, as: Int32.self)))
      }
    }
    for column in plan.columns {
      guard let old = layout.columns.first(where: { $0.field == column.field }) else {
        for index in 0..<events { ring.write(index, column, 0) }
        continue
      }
      let start = columns + events * (record.isWide ? old.wideOffset : old.narrowOffset)
      for index in 0..<events {
        let value: UInt64 =
          switch column.width {
          case 8: block.loadUnaligned(fromByteOffset: start + index * 8, as: UInt64.self)
          case 2: UInt64(block.loadUnaligned(fromByteOffset: start + index * 2, as: UInt16.self))
          default: UInt64(block[start + index])
          }
        ring.write(index, column, value)
      }
    }
    ring.derive(plan)
  }
}
