import Wire

/// Decisions of the dedup horizon, by transaction: what makes a retry safe.
///
/// Entries stand in the order in which they were logged, in segments that are freed whole as the horizon passes; an
/// open-addressing index of sequence numbers finds them. The index grows step by step with each insertion, so
/// that no insertion ever waits for a table to be rehashed. State of the partition: it depends on nothing but the
/// sequence of calls (R14).
public struct DedupTable: ~Copyable {
  public struct Entry: Equatable, Sendable, BitwiseCopyable {
    public var high: UInt64
    public var low: UInt64
    /// Hash of the whole transaction: the same id with other content is a conflict.
    public var content: UInt64
    public var offset: UInt64
    public var decision: Decision
    /// Logged time of its record, ms.
    public var loggedTime: Int64
    /// Index into the partition's list of bundles.
    public var bundle: UInt32
    /// Which decided it, and whose log `offset` is of: this partition, or one that it was split or merged from.
    public var partition: UInt32
  }

  public enum Lookup: Equatable, Sendable {
    case new
    case duplicate(Entry)
    case conflict(Entry)
  }

  static var segmentSize: Int { 4096 }
  private static var tombstone: UInt32 { .max }

  private var segments: [UnsafeMutablePointer<Entry>] = []
  /// The segments' memory, shared with a snapshot that is being written: what an image has never changes.
  private var owners: [DedupSegment] = []
  /// Sequence numbers of the oldest live entry and of the next one; the oldest segment begins at `segmentBase`.
  private var head: UInt64 = 0
  private var tail: UInt64 = 0
  private var segmentBase: UInt64 = 0
  private var index = DedupIndex(capacity: 1024)
  /// The smaller index whose entries are still being moved over, and how far that has come.
  private var old: DedupIndex?
  private var oldCursor = 0
  /// Which hot items of lists they were decided under.
  private var listVersions = ListVersionRuns()
  /// Everything logged before this time may have been forgotten.
  public private(set) var horizonStart: Int64 = .min

  public init() {}

  public var count: Int { Int(tail - head) }
  public var memoryBytes: Int {
    segments.count * Self.segmentSize * MemoryLayout<Entry>.stride + (index.slots.count + (old?.slots.count ?? 0)) * 8
      + listVersions.memoryBytes
  }

  public func lookup(_ key: Fingerprint, content: UInt64) -> Lookup {
    guard let sequence = find(key) else { return .new }
    let entry = self[sequence]
    return entry.content == content ? .duplicate(entry) : .conflict(entry)
  }

  /// What is known of a transaction, whatever its content.
  func entry(of key: Fingerprint) -> Entry? { find(key).map { self[$0] } }

  /// The version of the lists' hot items that a known transaction was decided under; 0 for none.
  func listVersion(of key: Fingerprint) -> UInt64 { listVersions.isEmpty ? 0 : find(key).map { listVersions[$0] } ?? 0 }

  /// Adds a transaction that `lookup` called new. `loggedTime` never falls from call to call.
  /// Returns the entry's number, for `settle`.
  @discardableResult
  public mutating func insert(
    _ key: Fingerprint, content: UInt64, partition: PartitionID, offset: Offset, decision: Decision, bundle: UInt32, loggedTime: Int64,
    listVersion: UInt64 = 0
  ) -> UInt64 {
    listVersions.append(tail, listVersion)
    return add(
      Entry(
        high: key.high, low: key.low, content: content, offset: offset.rawValue, decision: decision,
        loggedTime: loggedTime, bundle: bundle, partition: partition.rawValue))
  }

  @discardableResult
  private mutating func add(_ entry: Entry) -> UInt64 {
    if Int(tail - segmentBase) == segments.count * Self.segmentSize {
      owners.append(DedupSegment())
      segments.append(owners.last!.entries)
    }
    precondition(count < Int(UInt32.max) / 2, "a dedup table holds at most 2^31 transactions")
    let sequence = tail
    tail += 1
    pointer(sequence).initialize(to: entry)
    grow()
    index.insert(DedupIndex.slot(sequence, hash: entry.low))
    return sequence
  }

  /// Puts the decision into an entry that was inserted before it was made. No image has been taken since.
  public mutating func settle(_ sequence: UInt64, _ decision: Decision) { pointer(sequence).pointee.decision = decision }

  /// The same for an entry that is known by what it says; it may have been forgotten meanwhile.
  public mutating func settle(
    _ key: Fingerprint, partition: PartitionID, offset: Offset, _ decision: Decision, listVersion: UInt64 = 0
  ) {
    guard let sequence = find(key) else { return }
    let entry = self[sequence]
    guard entry.partition == partition.rawValue, entry.offset == offset.rawValue else { return }
    unshare(segment: Int(sequence - segmentBase) / Self.segmentSize)
    pointer(sequence).pointee.decision = decision
    listVersions.set(sequence, listVersion, end: tail)
  }

  /// An image that has the segment keeps what it has: it is of an offset at which the entry was still undecided (R14).
  private mutating func unshare(segment: Int) {
    guard !isKnownUniquelyReferenced(&owners[segment]) else { return }
    let own = DedupSegment()
    let start = segment * Self.segmentSize
    let used = min(Self.segmentSize, Int(tail - segmentBase) - start)
    own.entries.initialize(from: segments[segment], count: used)
    owners[segment] = own
    segments[segment] = own.entries
  }

  /// Forgets what was logged before `time`.
  public mutating func expire(before time: Int64) {
    while head < tail {
      let entry = self[head]
      guard entry.loggedTime < time else { break }
      remove(head, hash: entry.low)
      head += 1
      if head - segmentBase == UInt64(Self.segmentSize) {
        segments.removeFirst()
        owners.removeFirst()
        segmentBase += UInt64(Self.segmentSize)
      }
    }
    horizonStart = max(horizonStart, time)
    if !listVersions.isEmpty { listVersions.expire(before: head) }
  }

  /// Order-sensitive digest of the live entries: equal for replicas that applied the same log.
  public func digest() -> UInt64 {
    var hash: UInt64 = 0
    let image = image()
    image.forEach { hash = Self.digest($0, hash) }
    return image.digestOfVersions(behind: hash)
  }

  static func digest(_ entry: Entry, _ hash: UInt64) -> UInt64 {
    withUnsafeBytes(of: entry) { hash64(UnsafeRawBufferPointer(rebasing: $0[0..<MemoryLayout<Entry>.size]), seed: hash) }
  }

  /// The live entries as they are now, readable on any thread while the table goes on.
  public func image() -> DedupImage {
    DedupImage(
      segments: owners, first: Int(head - segmentBase), count: count, horizonStart: horizonStart,
      listVersions: listVersions.relative(from: head, to: tail))
  }

  /// An empty table with room for `count` entries of a snapshot, to be added by `restore`.
  public init(restoring count: Int, horizonStart: Int64) {
    var capacity = 1024
    while capacity < count * 2 + 2 { capacity *= 2 }
    index = DedupIndex(capacity: capacity)
    self.horizonStart = horizonStart
  }

  /// Adds an entry of a snapshot: they come in their order.
  public mutating func restore(_ entry: Entry) {
    let sequence = add(entry)
    precondition(sequence + 1 == tail)
  }

  /// The versions of the entries that were restored, behind which `part` goes on; false where it can't.
  mutating func restore(_ part: ListVersionsPart) -> Bool {
    for run in part.runs {
      guard run.start < tail, listVersions.follows(run) else { return false }
      listVersions.append(run.start, run.version)
    }
    return true
  }

  // MARK: Split and merge (R12)

  /// A table of the entries whose card lies in `range`, in the same order, without those of `omitted`.
  public func part(_ range: KeyRange, omitting omitted: Set<Fingerprint> = []) -> DedupTable {
    var part = DedupTable()
    part.horizonStart = horizonStart
    for sequence in head..<tail {
      let entry = self[sequence]
      guard range.contains(KeyHash(entry.high)), !omitted.contains(Fingerprint(high: entry.high, low: entry.low)) else { continue }
      part.listVersions.append(part.tail, listVersions[sequence])
      part.add(entry)
    }
    return part
  }

  /// One table of two that have no card in common. The order is that of logged time, within one time `a`'s before `b`'s.
  /// `bundleOfA` and `bundleOfB` give a bundle's index in the new partition's list.
  public static func merged(
    _ a: borrowing DedupTable, _ b: borrowing DedupTable, bundleOfA: [UInt32], bundleOfB: [UInt32]
  ) -> DedupTable {
    var merged = DedupTable()
    merged.horizonStart = max(a.horizonStart, b.horizonStart)
    var (i, j) = (a.head, b.head)
    while i < a.tail || j < b.tail {
      let takesA = j == b.tail || i < a.tail && a[i].loggedTime <= b[j].loggedTime
      var entry = takesA ? a[i] : b[j]
      entry.bundle = (takesA ? bundleOfA : bundleOfB)[Int(entry.bundle)]
      merged.listVersions.append(merged.tail, takesA ? a.listVersions[i] : b.listVersions[j])
      merged.add(entry)
      if takesA { i += 1 } else { j += 1 }
    }
    return merged
  }

  // MARK: Index

  @inline(__always) private func pointer(_ sequence: UInt64) -> UnsafeMutablePointer<Entry> {
    let at = Int(sequence - segmentBase)
    return segments[at / Self.segmentSize] + at % Self.segmentSize
  }

  private subscript(sequence: UInt64) -> Entry { pointer(sequence).pointee }

  /// The live sequence number whose low 31 bits a slot holds.
  @inline(__always) private func expand(_ slot: UInt64) -> UInt64 {
    head + (((slot & 0xFFFF_FFFF) - 1) &- head) & 0x7FFF_FFFF
  }

  private func find(_ key: Fingerprint) -> UInt64? {
    if let found = find(key, in: index) { return found }
    if let old { return find(key, in: old) }
    return nil
  }

  private func find(_ key: Fingerprint, in index: borrowing DedupIndex) -> UInt64? {
    var at = index.start(key.low)  // the tag is the upper half of both
    while true {
      let slot = index.slots[at]
      if slot == 0 { return nil }
      if slot >> 32 == key.low >> 32, slot != DedupIndex.tombstone {
        let sequence = expand(slot)
        let entry = pointer(sequence)
        if entry.pointee.low == key.low, entry.pointee.high == key.high { return sequence }
      }
      at = (at + 1) & index.mask
    }
  }

  private mutating func remove(_ sequence: UInt64, hash: UInt64) {
    let slot = DedupIndex.slot(sequence, hash: hash)
    if index.remove(slot) { return }
    let removed = old?.bury(slot) ?? false
    precondition(removed, "every live entry stands in an index")
  }

  /// Starts a bigger index when this one is half full, and moves a few entries over at each insertion: the old one is
  /// empty long before the new one is half full.
  private mutating func grow() {
    if old == nil, index.used * 2 >= index.slots.count {
      let bigger = DedupIndex(capacity: index.slots.count * 2)
      old = index
      index = bigger
      oldCursor = 0
    }
    guard old != nil else { return }
    let end = min(oldCursor + 8, old!.slots.count)
    while oldCursor < end {
      let slot = old!.slots[oldCursor]
      if slot != 0, slot != DedupIndex.tombstone {
        index.insert(slot)
        old!.slots[oldCursor] = DedupIndex.tombstone
      }
      oldCursor += 1
    }
    if oldCursor == old!.slots.count { old = nil }
  }
}

/// Memory of some entries; freed when neither the table nor a snapshot needs it.
final class DedupSegment: @unchecked Sendable {
  let entries = UnsafeMutablePointer<DedupTable.Entry>.allocate(capacity: DedupTable.segmentSize)
  deinit { entries.deallocate() }
}

/// A table's live entries at one moment.
public struct DedupImage: Sendable {
  let segments: [DedupSegment]
  /// Of the oldest live entry, counted from the first segment's beginning.
  let first: Int
  public let count: Int
  public let horizonStart: Int64
  /// Which hot items of lists they were decided under, by their places.
  let listVersions: [ListVersionRuns.Run]

  /// Of the entries' digest and their versions. Where there never were hot items, it is what it was before there could be any.
  func digestOfVersions(behind hash: UInt64) -> UInt64 {
    guard !listVersions.isEmpty else { return hash }
    return listVersions.flatMap { [$0.start, $0.version] }.withUnsafeBytes { hash64($0, seed: hash) }
  }

  /// Oldest first.
  public func forEach(_ body: (DedupTable.Entry) throws -> Void) rethrows {
    for place in first..<first + count { try body(segments[place / DedupTable.segmentSize].entries[place % DedupTable.segmentSize]) }
  }
}

/// Open addressing with linear probing; the key lies in the entry, a slot holds its place and a 32-bit tag.
struct DedupIndex {
  /// 0 for free, else the upper half of the hash and 1 + the low 31 bits of the sequence number.
  var slots: [UInt64]
  var used = 0

  static var tombstone: UInt64 { .max }
  static func slot(_ sequence: UInt64, hash: UInt64) -> UInt64 { (hash >> 32) << 32 | (sequence & 0x7FFF_FFFF) + 1 }

  /// `capacity` is a power of two.
  init(capacity: Int) { slots = [UInt64](repeating: 0, count: capacity) }

  var mask: Int { slots.count - 1 }
  /// Home of a slot, from the tag alone, so that slots can be moved without a look at their entries. Bounds the index
  /// to 2^32 slots.
  @inline(__always) func start(_ slot: UInt64) -> Int { Int(slot >> 32) & mask }

  mutating func insert(_ slot: UInt64) {
    var at = start(slot)
    while slots[at] != 0 { at = (at + 1) & mask }
    slots[at] = slot
    used += 1
  }

  /// Removes a slot and closes the gap, so that no chain is broken (Knuth, vol. 3, algorithm 6.4R).
  mutating func remove(_ slot: UInt64) -> Bool {
    guard var gap = find(slot) else { return false }
    var at = gap
    while true {
      at = (at + 1) & mask
      if slots[at] == 0 { break }
      // A slot may move into the gap unless its home lies cyclically behind the gap.
      let home = start(slots[at])
      if gap <= at ? (gap < home && home <= at) : (gap < home || home <= at) { continue }
      slots[gap] = slots[at]
      gap = at
    }
    slots[gap] = 0
    used -= 1
    return true
  }

  /// Marks a slot of the index that is being emptied: its chains stay whole until it goes.
  mutating func bury(_ slot: UInt64) -> Bool {
    guard let at = find(slot) else { return false }
    slots[at] = Self.tombstone
    return true
  }

  private func find(_ slot: UInt64) -> Int? {
    var at = start(slot)
    while slots[at] != 0 {
      if slots[at] == slot { return at }
      at = (at + 1) & mask
    }
    return nil
  }
}
