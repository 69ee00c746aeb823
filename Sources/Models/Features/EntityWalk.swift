import CKernels
import Wire

/// A walk over a table's entities as they were when it began, while transactions go on (C1).
///
/// Copy-on-write by entity: whoever changes one that has not had its turn keeps a copy of it first. So no call is held up
/// for longer than it takes to copy one block, and the table's own memory is never frozen.
final class EntityWalk {
  /// Entities when the walk began; later ones are none of its business.
  let count: Int
  private(set) var next = 0
  /// A bit an entity: copied already.
  private let copied: UnsafeMutablePointer<UInt64>
  private let layouts: [FeaturePlan?]
  private var early: EntityImages

  init(count: Int, layouts: [FeaturePlan?]) {
    self.count = count
    self.layouts = layouts
    let words = Bitmap.wordCount(max(1, count))
    copied = .allocate(capacity: words)
    copied.initialize(repeating: 0, count: words)
    early = EntityImages(layouts)
  }

  deinit { copied.deallocate() }

  /// Before entity `number` changes.
  @inline(__always) func keep(_ number: Int, _ header: UnsafeMutablePointer<EntityHeader>, _ summary: EntitySummary?) {
    guard number < count, number >= next, !Bitmap(words: copied)[number] else { return }
    Bitmap(words: copied)[number] = true
    early.append(header.pointee, summary)
  }

  /// Goes on until `bytes` have been copied or `entities` looked at; takes with it what was copied early.
  func advance(bytes: Int, entities: Int, _ slab: borrowing EntitySlab, _ summaries: [Int: EntitySummary]) -> EntityImages {
    let images = early
    early = EntityImages(layouts)
    let end = min(count, next + entities)
    while next < end, images.byteCount < bytes {
      if next + 8 < end { assay_prefetch(slab.header(next + 8).pointee.block) }
      if !Bitmap(words: copied)[next] { images.append(slab.header(next).pointee, summaries[next]) }
      next += 1
    }
    images.isLast = next == count
    return images
  }
}

/// Copies of entities, to be written down on another thread. Built by the table's owner, immutable once handed out.
public final class EntityImages: @unchecked Sendable {
  /// Nothing follows in this walk.
  public internal(set) var isLast = false
  public private(set) var count = 0
  public private(set) var byteCount = 0
  /// Of which table they are.
  public var kind: EntityKind { layouts.lazy.compactMap { $0 }.first!.kind }
  /// By slot, as the table had them when the walk began.
  let layouts: [FeaturePlan?]
  private var memory = UnsafeMutableRawPointer.allocate(byteCount: 0, alignment: 16)
  private var capacity = 0
  /// By the images' numbers.
  private var summaries: [Int: EntitySummary] = [:]

  init(_ layouts: [FeaturePlan?]) { self.layouts = layouts }

  deinit { memory.deallocate() }

  func append(_ header: EntityHeader, _ summary: EntitySummary?) {
    if let summary { summaries[count] = summary }
    let size = layouts[header.planSlot]!.blockSize(
      capacity: Int(header.capacity), tokenLength: Int(header.tokenLength), isWide: header.isWide)
    let span = (MemoryLayout<EntityHeader>.stride + size + 7) & ~7
    if byteCount + span > capacity { grow(to: byteCount + span) }
    memory.storeBytes(of: header, toByteOffset: byteCount, as: EntityHeader.self)
    (memory + byteCount + MemoryLayout<EntityHeader>.stride).copyMemory(from: header.block, byteCount: size)
    byteCount += span
    count += 1
  }

  private func grow(to bytes: Int) {
    capacity = max(bytes, capacity * 2, 4096)
    let grown = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    grown.copyMemory(from: memory, byteCount: byteCount)
    memory.deallocate()
    memory = grown
  }

  /// Each entity in the order of copying; its header points at the copy.
  func forEach(_ body: (UnsafeMutablePointer<EntityHeader>, FeaturePlan, EntitySummary?) -> Void) {
    var at = 0
    var number = 0
    while at < byteCount {
      let header = (memory + at).assumingMemoryBound(to: EntityHeader.self)
      header.pointee.block = memory + at + MemoryLayout<EntityHeader>.stride
      let plan = layouts[header.pointee.planSlot]!
      let size = plan.blockSize(
        capacity: Int(header.pointee.capacity), tokenLength: Int(header.pointee.tokenLength), isWide: header.pointee.isWide)
      body(header, plan, summaries[number])
      number += 1
      at += (MemoryLayout<EntityHeader>.stride + size + 7) & ~7
    }
  }
}

extension EntityTable {
  /// Begins a walk over the entities as they are now. There is at most one at a time.
  public mutating func beginWalk() -> EntityFacts {
    precondition(walk == nil, "one walk at a time")
    walk = EntityWalk(count: slab.count, layouts: plans)
    return EntityFacts(
      count: slab.count, completeSince: completeSince, newestTime: newestTime, lateCount: lateCount, outOfOrderCount: outOfOrderCount,
      planSlot: planSlot, plans: plans, entitiesOfPlan: entitiesOfPlan)
  }

  /// The walk's next entities: about `bytes` of them, and no more than `entities`. Nil when no walk is under way. With
  /// `isFollowed`, the last of them are not said to be the last: those of another table come behind.
  public mutating func walkOn(bytes: Int, entities: Int = 1024, isFollowed: Bool = false) -> EntityImages? {
    guard let walk else { return nil }
    let images = walk.advance(bytes: bytes, entities: entities, slab, summaries)
    if images.isLast { self.walk = nil }
    if isFollowed { images.isLast = false }
    return images
  }

  /// Gives the walk up.
  public mutating func endWalk() { walk = nil }

  public var isWalking: Bool { walk != nil }
}
