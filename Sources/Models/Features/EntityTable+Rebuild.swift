import Wire

extension EntityTable {
  /// Switches to another feature set, keeping all events. Constant work here: each entity is laid out anew when it is
  /// next touched. (At the eighth switch that some entity has not followed, all are laid out at once.)
  ///
  /// Where the new features reach further back than events were kept, or need a column that wasn't kept, values lack
  /// what is missing, and are flagged `warming` until that has left all windows.
  public mutating func rebuild(features: FeatureSet, allowedLateness: Int64? = nil) {
    precondition(features.entity == plan.kind && FeatureParts(features).isWhole, "a table computes one entity's features")
    let next = FeaturePlan(features, allowedLateness: allowedLateness ?? features.allowedLateness)
    if next.features == plan.features && next.allowedLateness == plan.allowedLateness { return }
    if freeSlot == nil { migrateAll() }
    let slot = freeSlot!

    if newestTime > .min {
      if next.columns.contains(where: { plan.columnOfField[Int($0.field.rawValue)] < 0 }) {
        completeSince = max(completeSince, newestTime)
      } else if next.reachMax > plan.reachMax {
        completeSince = max(completeSince, newestTime - plan.retention)
      }
    }
    if entitiesOfPlan[planSlot] == 0 { plans[planSlot] = nil }
    plan = next
    planSlot = slot
    plans[slot] = next
    scratch = ObserveScratch(next)
  }

  private var freeSlot: Int? { plans.indices.first { plans[$0] == nil } }

  /// Lays every entity out by the current plan.
  mutating func migrateAll() {
    for number in 0..<slab.count where slab.header(number).pointee.planSlot != planSlot {
      slab.touch(number, epoch: epoch)
      if let walk { walk.keep(number, slab.header(number), summaries[number]) }
      migrate(number, slab.header(number))
    }
  }

  /// Lays an entity of an older plan out by the current one.
  mutating func migrate(_ number: Int, _ header: UnsafeMutablePointer<EntityHeader>) {
    let old = header.pointee
    let oldPlan = plans[old.planSlot]!
    var source = Ring(header, oldPlan)
    let summary = Self.summary(summaries[number], source, laidOutBy: oldPlan, under: plan)
    if summary != nil || !summaries.isEmpty { summaries[number] = summary }
    let isTruncated = trim(&source)

    var next = old
    next.isTruncated = isTruncated
    next.planSlot = planSlot
    next.isWide =
      source.isWide
      && (source.time(source.end - 1) - source.time(source.start) > Int64(UInt32.max) || Self.hasWideAmount(source))
    next.capacity = UInt16(Self.capacity(for: source.count))
    next.start = 0
    next.end = UInt16(source.count)
    next.block = allocateBlock(
      plan, capacity: Int(next.capacity), tokenLength: Int(next.tokenLength), isWide: next.isWide)
    next.block.storeBytes(of: source.isWide ? source.time(source.start) : source.base, as: Int64.self)
    (next.block + plan.stateSize).copyMemory(from: source.block + oldPlan.stateSize, byteCount: Int(old.tokenLength))
    header.pointee = next
    let target = Ring(header, plan)
    source.copyEvents(to: target)
    for column in plan.columns {
      for index in 0..<target.count {
        target.write(index, column, Self.value(source, oldPlan, column.field, source.start + index))
      }
    }
    target.derive(plan)

    freeBlock(oldPlan, old)
    entitiesOfPlan[planSlot] += 1
    entitiesOfPlan[old.planSlot] -= 1
    if entitiesOfPlan[old.planSlot] == 0 { plans[old.planSlot] = nil }
  }

  /// Narrows a ring of any plan to the events that the current plan keeps; true if that leaves it truncated.
  func trim(_ ring: inout Ring) -> Bool { Self.trim(&ring, to: plan) }

  static func trim(_ ring: inout Ring, to plan: FeaturePlan) -> Bool {
    let hasEvicted = ring.evict(newest: ring.time(ring.end - 1), plan)
    let excess = ring.count - plan.eventsMax
    if excess > 0 { ring.start += excess }
    return excess > 0 || ring.header.pointee.isTruncated && !hasEvicted
  }

  /// A field's stored value; missing where the plan that laid the ring out has no such column.
  static func value(_ ring: Ring, _ plan: FeaturePlan, _ field: EventField, _ index: Int) -> UInt64 {
    let column = plan.columnOfField[Int(field.rawValue)]
    return column < 0 ? 0 : ring.value(plan.columns[column], index)
  }
}
