import Wire

/// What a table is beyond its entities, for a snapshot.
public struct EntityFacts: @unchecked Sendable {
  public var count: Int
  public var completeSince: Int64
  public var newestTime: Int64
  public var lateCount: UInt64
  public var outOfOrderCount: UInt64
  /// Of the current plan.
  var planSlot: Int
  /// Slots that some entity, or the table itself, is laid out by.
  public var layouts: [EntityLayout]
  var plan: FeaturePlan?
  /// Whose histories; a table's own facts know it.
  public var entity: EntityKind { plan?.kind ?? .card }

  init(
    count: Int, completeSince: Int64, newestTime: Int64, lateCount: UInt64, outOfOrderCount: UInt64, planSlot: Int, plans: [FeaturePlan?],
    entitiesOfPlan: [Int]
  ) {
    self.count = count
    self.completeSince = completeSince
    self.newestTime = newestTime
    self.lateCount = lateCount
    self.outOfOrderCount = outOfOrderCount
    self.planSlot = planSlot
    plan = plans[planSlot]
    layouts = plans.indices.compactMap { slot in
      guard let plan = plans[slot], slot == planSlot || entitiesOfPlan[slot] > 0 else { return nil }
      return EntityLayout(slot: slot, plan)
    }
  }

  /// ```
  /// u64 entities  i64 complete since  i64 newest time  u64 late  u64 out of order  u8 slot of the current plan
  /// u32 layouts (1...8), each an EntityLayout
  /// ```
  public func write(to out: inout WireWriter) {
    out.write(UInt64(count))
    out.write(completeSince)
    out.write(newestTime)
    out.write(lateCount)
    out.write(outOfOrderCount)
    out.write(UInt8(planSlot))
    out.write(UInt32(layouts.count))
    for layout in layouts { layout.write(to: &out) }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    let size = try reader.read(UInt64.self)
    guard size < UInt64(UInt32.max) - 2 else { throw .invalid(at: reader.position, "a table has fewer than 2^32 - 2 entities") }
    count = Int(size)
    completeSince = try reader.read(Int64.self)
    newestTime = try reader.read(Int64.self)
    lateCount = try reader.read(UInt64.self)
    outOfOrderCount = try reader.read(UInt64.self)
    planSlot = Int(try reader.read(UInt8.self))
    layouts = []
    for _ in 0..<(try reader.readCount(itemSize: EntityLayout.sizeMin, limit: EntitySlab.planSlots)) {
      layouts.append(try EntityLayout(from: &reader))
    }
    guard layouts.contains(where: { $0.slot == planSlot }), Set(layouts.map(\.slot)).count == layouts.count else {
      throw .invalid(at: reader.position, "the current plan's layout is missing, or one stands twice")
    }
  }
}

/// Where an entity record's parts lie, so that a build whose plans look different still finds the events (`EntityRecord`).
public struct EntityLayout: Equatable, Sendable {
  /// Of one table.
  public static var countMax: Int { EntitySlab.planSlots }

  struct Column: Equatable, Sendable {
    var field: EventField
    var narrowOffset: Int
    var wideOffset: Int
  }

  public var slot: Int
  /// Which bundle's features these are: set by whoever knows the bundles.
  public var bundle = 0
  /// Of everything that running state means by its place: equal fingerprints, equal blocks.
  var fingerprint: UInt64
  var stateSize: Int
  var bitmapCount: Int
  var timesOffset: Int
  var narrowEventSize: Int
  var wideEventSize: Int
  var columns: [Column]
  public private(set) var features: FeatureSet?

  init(slot: Int, _ plan: FeaturePlan) {
    self.slot = slot
    features = plan.features
    fingerprint = plan.fingerprint
    stateSize = plan.stateSize
    bitmapCount = plan.bitmapCount
    timesOffset = plan.timesOffset
    narrowEventSize = plan.narrowEventSize
    wideEventSize = plan.wideEventSize
    columns = plan.columns.map { Column(field: $0.field, narrowOffset: $0.narrowOffset, wideOffset: $0.wideOffset) }
  }

  static let sizeMin = 1 + 4 + 8 + 4 + 4 * 2 + 1

  func write(to out: inout WireWriter) {
    out.write(UInt8(slot))
    out.write(UInt32(bundle))
    out.write(fingerprint)
    out.write(UInt32(stateSize))
    for size in [bitmapCount, timesOffset, narrowEventSize, wideEventSize] { out.write(UInt16(size)) }
    out.write(UInt8(columns.count))
    for column in columns {
      out.write(column.field.rawValue)
      out.write(UInt16(column.narrowOffset))
      out.write(UInt16(column.wideOffset))
    }
  }

  init(from reader: inout WireReader) throws(WireError) {
    let start = reader.position
    slot = Int(try reader.read(UInt8.self))
    bundle = Int(try reader.read(UInt32.self))
    fingerprint = try reader.read(UInt64.self)
    stateSize = Int(try reader.read(UInt32.self))
    bitmapCount = Int(try reader.read(UInt16.self))
    timesOffset = Int(try reader.read(UInt16.self))
    narrowEventSize = Int(try reader.read(UInt16.self))
    wideEventSize = Int(try reader.read(UInt16.self))
    columns = []
    for _ in 0..<Int(try reader.read(UInt8.self)) {
      guard let field = EventField(rawValue: try reader.read(UInt8.self)) else {
        throw .invalid(at: reader.position - 1, "unknown event field")
      }
      columns.append(Column(field: field, narrowOffset: Int(try reader.read(UInt16.self)), wideOffset: Int(try reader.read(UInt16.self))))
    }
    let areInside = columns.allSatisfy { column in
      column.narrowOffset + column.field.width <= narrowEventSize && column.wideOffset + column.field.width <= wideEventSize
    }
    guard slot < EntitySlab.planSlots, stateSize >= 8, stateSize <= 1 << 20, areInside, narrowEventSize >= timesOffset + 8,
      wideEventSize >= timesOffset + 16
    else { throw .invalid(at: start, "a layout's parts contradict each other") }
  }

  /// Bytes of the block of `events` events without slack.
  func blockSize(events: Int, tokenLength: Int, isWide: Bool) -> Int {
    bitmapsOffset(tokenLength) + bitmapCount * Bitmap.wordCount(events) * 8 + events * (isWide ? wideEventSize : narrowEventSize)
  }

  func bitmapsOffset(_ tokenLength: Int) -> Int { (stateSize + tokenLength + 7) & ~7 }
}

extension FeaturePlan {
  /// Over every number that gives a byte of a block its meaning.
  var fingerprint: UInt64 {
    var words: [Int] = [Self.runningStateVersion, stateSize, bitmapCount, timesOffset, narrowEventSize, wideEventSize, eventsMax]
    func add(_ range: Range<Int>) { words += [range.lowerBound, range.upperBound] }
    words += [lags.count, edges.count, totals.count, tracks.count, filters.count, conditions.count, columns.count]
    for lag in lags {
      words += [Int(lag.lag), lag.rightOffset]
      for range in [lag.edges, lag.totals, lag.tracks] { add(range) }
    }
    for edge in edges {
      words += [Int(edge.reach), edge.lag, edge.leftOffset, edge.rightOffset]
      add(edge.totals)
    }
    for total in totals { words += [total.filter, total.countOffset, total.sumOffset, total.squaresOffset] }
    for track in tracks { words += [Int(track.kind.rawValue), Int(track.field.rawValue), track.filter, track.bitmap, track.longestEdge] }
    for filter in filters {
      words += [filter.bitmap, filter.lastOffset, Int(filter.amountAbove), Int(filter.amountBelow)]
      add(filter.conditions)
    }
    for condition in conditions {
      words += [Int(condition.field.rawValue), Int(condition.limit)]
      words += (0..<Int(condition.limit + 63) / 64).map { Int(truncatingIfNeeded: condition.bits[$0]) }
    }
    for column in columns { words += [Int(column.field.rawValue), column.width, column.narrowOffset, column.wideOffset] }
    let bytes = words.map { UInt64(bitPattern: Int64($0)).littleEndian }
    return bytes.withUnsafeBytes { hash64($0, seed: 0) }
  }

  /// Raise it when running state comes to mean something else at the same place.
  static var runningStateVersion: Int { 1 }
}
