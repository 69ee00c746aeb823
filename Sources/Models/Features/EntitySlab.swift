/// What the table keeps of an entity at a fixed place; all else is in its block (see `Ring`).
struct EntityHeader {
  var block: UnsafeMutableRawPointer
  /// Live events are `start..<end` of the block's columns.
  var start: UInt16 = 0
  var end: UInt16 = 0
  /// Events that the block has room for.
  var capacity: UInt16
  var tokenLength: UInt8
  var flags: UInt8 = 0

  /// Bit 0: columns of 8 + 8 bytes for times and amounts. Bit 1: events within reach were dropped. Bits 2 to 4: slot
  /// of the feature plan that laid the block out.
  @inline(__always) var isWide: Bool {
    get { flags & 1 != 0 }
    set { flags = newValue ? flags | 1 : flags & ~1 }
  }
  @inline(__always) var isTruncated: Bool {
    get { flags & 2 != 0 }
    set { flags = newValue ? flags | 2 : flags & ~2 }
  }
  @inline(__always) var planSlot: Int {
    get { Int(flags >> 2 & 7) }
    set { flags = flags & ~0b11100 | UInt8(newValue) << 2 }
  }
}

/// Entity headers in segments of 1,024. A header never moves; a segment is the unit of copy-on-write snapshots (C1).
struct EntitySlab: ~Copyable {
  static let segmentSize = 1024
  static let planSlots = 8

  private struct Segment {
    var headers: UnsafeMutablePointer<EntityHeader>
    /// The table's epoch when one of the entities was last changed.
    var touchedEpoch: UInt64
  }

  private var segments: UnsafeMutablePointer<Segment>
  private var segmentCapacity = 4
  private(set) var segmentCount = 0
  private(set) var count = 0

  init() { segments = .allocate(capacity: segmentCapacity) }

  deinit {
    for number in 0..<count { header(number).pointee.block.deallocate() }
    for segment in 0..<segmentCount { segments[segment].headers.deallocate() }
    segments.deallocate()
  }

  /// Headers and directory, without the blocks.
  var memoryBytes: Int {
    Allocation.size(segmentCapacity * MemoryLayout<Segment>.stride)
      + segmentCount * Allocation.size(Self.segmentSize * MemoryLayout<EntityHeader>.stride)
  }

  @inline(__always) func header(_ number: Int) -> UnsafeMutablePointer<EntityHeader> {
    segments[number >> 10].headers + (number & 1023)
  }

  @inline(__always) func touch(_ number: Int, epoch: UInt64) { segments[number >> 10].touchedEpoch = epoch }

  func touchedEpoch(segment: Int) -> UInt64 {
    precondition(segment < segmentCount, "there is no segment \(segment)")
    return segments[segment].touchedEpoch
  }

  mutating func append(_ header: EntityHeader) -> Int {
    if count == segmentCount * Self.segmentSize { addSegment() }
    let number = count
    count += 1
    self.header(number).initialize(to: header)
    return number
  }

  private mutating func addSegment() {
    if segmentCount == segmentCapacity {
      let grown = UnsafeMutablePointer<Segment>.allocate(capacity: segmentCapacity * 2)
      grown.moveInitialize(from: segments, count: segmentCount)
      segments.deallocate()
      segments = grown
      segmentCapacity *= 2
    }
    (segments + segmentCount).initialize(to: Segment(headers: .allocate(capacity: Self.segmentSize), touchedEpoch: 0))
    segmentCount += 1
  }
}
