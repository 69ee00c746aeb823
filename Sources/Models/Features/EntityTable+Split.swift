import Wire

/// Split and merge of a partition's keyed state (R12). Both copy, so that what they come from stays as it was until the
/// coordinator has decided.
extension EntityTable {
  /// A table of the entities whose key lies in `range`.
  ///
  /// Cost: a scan of all headers and tokens, and a copy of those that belong to it. Memory: that of the copy.
  public func part(_ range: KeyRange) -> EntityTable {
    var part = EntityTable(features: plan.features, allowedLateness: plan.allowedLateness)
    part.plan = plan
    part.planSlot = planSlot
    part.plans = plans
    part.completeSince = completeSince
    part.newestTime = newestTime
    for number in 0..<slab.count {
      let header = slab.header(number)
      let key = Self.key(header, plans[header.pointee.planSlot].unsafelyUnwrapped)
      if range.contains(key) {
        part.copy(header.pointee, key)
        if let summary = summaries[number] { part.summaries[part.slab.count - 1] = summary }
      }
    }
    for slot in part.plans.indices where slot != planSlot && part.entitiesOfPlan[slot] == 0 { part.plans[slot] = nil }
    return part
  }

  /// Adds the entities of another table of the same kind, none of which is in this one. Where the tables know different features, this one's
  /// hold, as if the other had been given them (`rebuild`).
  ///
  /// A history counts as complete from when both are, of those that have any.
  public mutating func absorb(_ other: consuming EntityTable) {
    other.rebuild(features: plan.features, allowedLateness: plan.allowedLateness)
    other.migrateAll()
    migrateAll()
    for number in 0..<other.slab.count {
      let header = other.slab.header(number)
      var moved = header.pointee
      moved.planSlot = planSlot
      copy(moved, Self.key(header, other.plan))
      if let summary = other.summaries[number] { summaries[slab.count - 1] = summary }
    }
    if other.completeSince < .max {
      completeSince = completeSince < .max ? max(completeSince, other.completeSince) : other.completeSince
    }
    newestTime = max(newestTime, other.newestTime)
    lateCount += other.lateCount
    outOfOrderCount += other.outOfOrderCount
  }

  private static func key(_ header: UnsafeMutablePointer<EntityHeader>, _ plan: FeaturePlan) -> KeyHash {
    let token = UnsafeRawBufferPointer(
      start: header.pointee.block + plan.stateSize, count: Int(header.pointee.tokenLength))
    return KeyHash(of: RawSpan(_unsafeBytes: token), kind: plan.kind)
  }

  /// Adds an entity laid out by the plan in its slot, with a block of its own.
  private mutating func copy(_ header: EntityHeader, _ key: KeyHash) {
    let size = plans[header.planSlot].unsafelyUnwrapped.blockSize(
      capacity: Int(header.capacity), tokenLength: Int(header.tokenLength), isWide: header.isWide)
    let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 8)
    block.copyMemory(from: header.block, byteCount: size)
    blockBytes += Allocation.size(size)
    var header = header
    header.block = block
    index.insert(KeyIndex.mix(key), number: slab.append(header))
    entitiesOfPlan[header.planSlot] += 1
  }
}
