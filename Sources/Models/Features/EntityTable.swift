import Wire

/// The keyed state of one partition: each card's retained events, and features computed from them.
///
/// A pure function of the sequence of calls (R14): no clock, no randomness, no order of hashing in any result, integer
/// totals. Not for use by two threads at once; it may move between threads.
///
/// Cost: a transaction in order touches one index slot, one header and one block. Nothing is allocated but when an
/// entity is new or outgrows its block by more than what it sheds. Out of order it costs a scan of the card's windows.
///
/// Memory for a card: 16 bytes of header, 10 to 20 of index, and one block (see `Ring`): its token, running totals, and
/// 8 bytes an event for time and amount plus the columns that the features need, with at most 1/16 of slack or 3
/// events in growth. Bounded by `eventsPerEntityMax` events a card.
public struct EntityTable: ~Copyable, @unchecked Sendable {
  var plan: FeaturePlan
  /// Slot of `plan`; headers name the slot of the plan that laid them out.
  var planSlot = 0
  /// Every plan that some entity is still laid out by, in its slot.
  var plans: [FeaturePlan?]
  var entitiesOfPlan: [Int]

  var index = KeyIndex()
  var slab = EntitySlab()
  var event = IncomingEvent()
  var scratch: ObserveScratch
  var seen = ValueSet()
  /// By entity: what is known of events that its ring has dropped too early.
  var summaries: [Int: EntitySummary] = [:]
  /// A snapshot under way: whatever changes is copied first (C1).
  var walk: EntityWalk?
  /// How the records of a snapshot are laid out, by slot, while a table is restored.
  var restoredLayouts = [EntityLayout?](repeating: nil, count: EntitySlab.planSlots)

  /// Sum of all blocks.
  var blockBytes = 0
  /// Event times before are not known to be complete; `.max` before the first event.
  var completeSince = Int64.max
  var newestTime = Int64.min

  /// Raised by `advanceEpoch`; segments remember the epoch of their last change.
  public private(set) var epoch: UInt64 = 0
  /// Transactions beyond the allowed lateness, and those that were inserted before their card's newest event.
  public internal(set) var lateCount: UInt64 = 0
  public internal(set) var outOfOrderCount: UInt64 = 0

  /// An empty table. `allowedLateness` in ms overrides the feature set's. All features are of the set's entity, or of none.
  public init(features: FeatureSet, allowedLateness: Int64? = nil) {
    precondition(FeatureParts(features).isWhole, "a table computes one entity's features")
    plan = FeaturePlan(features, allowedLateness: allowedLateness ?? features.allowedLateness)
    plans = [FeaturePlan?](repeating: nil, count: EntitySlab.planSlots)
    entitiesOfPlan = [Int](repeating: 0, count: EntitySlab.planSlots)
    plans[0] = plan
    scratch = ObserveScratch(plan)
  }

  public var features: FeatureSet { plan.features }

  /// Entities with history.
  public var count: Int { slab.count }

  /// Bytes allocated for the state, with the allocator's overhead: blocks, headers, index and the scratch of scans.
  public var memoryBytes: Int {
    blockBytes + slab.memoryBytes + index.memoryBytes + seen.memoryBytes + summaries.reduce(0) { $0 + $1.value.memoryBytes }
  }

  // MARK: Copy-on-write marks

  public var segmentCount: Int { slab.segmentCount }

  /// Begins a new epoch and answers it: a segment whose `touchedEpoch` is below has not changed since.
  public mutating func advanceEpoch() -> UInt64 {
    epoch += 1
    return epoch
  }

  public func touchedEpoch(segment: Int) -> UInt64 { slab.touchedEpoch(segment: segment) }

  // MARK: Entities

  /// The entity of this token, nil if it has no history.
  func find(_ token: RawSpan, _ keyHash: KeyHash) -> Int? {
    token.withUnsafeBytes { find($0, KeyIndex.mix(keyHash)) }
  }

  @inline(__always) func find(_ token: UnsafeRawBufferPointer, _ mixed: UInt64) -> Int? {
    var position = index.home(mixed)
    while let number = index.candidate(mixed, &position) {
      if hasToken(slab.header(number), token) { return number }
    }
    return nil
  }

  /// Hashes may collide; tokens decide.
  @inline(__always)
  private func hasToken(_ header: UnsafeMutablePointer<EntityHeader>, _ token: UnsafeRawBufferPointer) -> Bool {
    guard Int(header.pointee.tokenLength) == token.count else { return false }
    let stateSize =
      header.pointee.planSlot == planSlot ? plan.stateSize : plans[header.pointee.planSlot].unsafelyUnwrapped.stateSize
    let kept = UnsafeRawPointer(header.pointee.block) + stateSize
    let asked = token.baseAddress.unsafelyUnwrapped
    var at = 0
    while at + 8 <= token.count {
      if kept.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        != asked.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      {
        return false
      }
      at += 8
    }
    while at < token.count {
      if kept.load(fromByteOffset: at, as: UInt8.self) != asked.load(fromByteOffset: at, as: UInt8.self) {
        return false
      }
      at += 1
    }
    return true
  }

  /// A new entity without events, with room for the event at hand.
  mutating func insert(_ token: UnsafeRawBufferPointer, _ mixed: UInt64) -> Int {
    precondition((1...TransactionView.tokenLengthMax).contains(token.count), "a token has 1 to 128 bytes")
    let isWide = event.amount > Int64(Int32.max)
    let capacity = Self.capacity(for: 1)
    let block = allocateBlock(plan, capacity: capacity, tokenLength: token.count, isWide: isWide)
    (block + 8).initializeMemory(as: UInt8.self, repeating: 0, count: plan.stateSize - 8)
    block.storeBytes(of: event.time, as: Int64.self)
    (block + plan.stateSize).copyMemory(from: token.baseAddress.unsafelyUnwrapped, byteCount: token.count)
    var header = EntityHeader(block: block, capacity: UInt16(capacity), tokenLength: UInt8(token.count))
    header.isWide = isWide
    header.planSlot = planSlot
    let number = slab.append(header)
    index.insert(mixed, number: number)
    entitiesOfPlan[planSlot] += 1
    return number
  }

  // MARK: Blocks

  /// Room for at least `events`: steps of 4, then of a thirty-second to a sixteenth of the size.
  static func capacity(for events: Int) -> Int {
    var step = 4
    while step * 32 <= events { step *= 2 }
    return (events + step - 1) / step * step
  }

  /// Bitmaps are cleared; all else is the caller's to fill.
  mutating func allocateBlock(
    _ plan: FeaturePlan, capacity: Int, tokenLength: Int, isWide: Bool
  ) -> UnsafeMutableRawPointer {
    let size = plan.blockSize(capacity: capacity, tokenLength: tokenLength, isWide: isWide)
    let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 8)
    let bitmapBytes = plan.bitmapCount * Bitmap.wordCount(capacity) * 8
    (block + plan.bitmapsOffset(tokenLength: tokenLength)).initializeMemory(
      as: UInt8.self, repeating: 0, count: bitmapBytes)
    blockBytes += Allocation.size(size)
    return block
  }

  mutating func freeBlock(_ plan: FeaturePlan, _ header: EntityHeader) {
    blockBytes -= Allocation.size(
      plan.blockSize(
        capacity: Int(header.capacity), tokenLength: Int(header.tokenLength), isWide: header.isWide))
    header.block.deallocate()
  }
}

/// Reused while one transaction is observed.
struct ObserveScratch: ~Copyable {
  let replaced: UnsafeMutablePointer<Int>
  /// By filter: the transaction passes.
  let matches: UnsafeMutablePointer<Bool>

  init(_ plan: FeaturePlan) {
    replaced = .allocate(capacity: max(1, plan.tracks.count))
    replaced.initialize(repeating: -1, count: max(1, plan.tracks.count))
    matches = .allocate(capacity: max(1, plan.filters.count))
    matches.initialize(repeating: false, count: max(1, plan.filters.count))
  }

  deinit {
    replaced.deallocate()
    matches.deallocate()
  }
}
