import Models
import Wire

/// What a partition's state is beyond its dedup entries and entities, and the log's shape up to the snapshot: the first
/// block of a snapshot file.
///
/// ```
/// i64 logged time  u64 sink cursor  i64 dedup horizon start  u64 dedup entries
/// u32 bundles, each u64 high, u64 low: every one that has decided here, oldest first
/// u32 epochs, each u64 epoch, u64 end
/// bool: has entities, then EntityFacts, of the cards
/// where there are others: u32 tables, each u8 entity kind, then EntityFacts
///   and where bundles stand side by side: u32 prepared, each an id; u32 joined sets, each u32 ids. A layout of another entity's that
///   is numbered beyond the bundles is of the joined set of that number.
/// ```
public struct SnapshotFacts: Sendable {
  public var loggedTime: Int64
  public var sinkCursor: Offset
  public var horizonStart: Int64
  public var dedupEntries: Int
  public var bundles: [BundleID]
  /// Of the whole log up to the snapshot's offset, which is the last one's end.
  public var epochs: [Appended.EpochEnd]
  public var entities: EntityFacts?
  public var foreign: [ForeignFacts] = []
  public var prepared: [BundleID] = []
  public var joined: [[BundleID]] = []

  public struct ForeignFacts: Sendable {
    public var kind: EntityKind
    public var facts: EntityFacts
  }

  /// Of all kinds.
  var entityCount: Int { foreign.reduce(entities?.count ?? 0) { $0 + $1.facts.count } }

  static let bundlesMax = 1 << 20

  init(_ image: PartitionImage) {
    loggedTime = image.loggedTime
    sinkCursor = image.sinkCursor
    horizonStart = image.dedup.horizonStart
    dedupEntries = image.dedup.count
    bundles = image.bundles
    epochs = image.epochs
    entities = image.entities
    foreign = image.foreign.map { ForeignFacts(kind: $0.entity, facts: $0) }
    prepared = image.prepared
    joined = image.joined
  }

  /// The bundles whose features, joined, a layout of another entity's is of.
  func origin(_ number: Int) -> [BundleID] { number < bundles.count ? [bundles[number]] : joined[number - bundles.count] }

  /// Every bundle that it names.
  var allBundles: [BundleID] { bundles + prepared + joined.joined() }

  public var bytes: [UInt8] {
    var out = WireWriter()
    out.write(loggedTime)
    out.write(sinkCursor.rawValue)
    out.write(horizonStart)
    out.write(UInt64(dedupEntries))
    out.write(UInt32(bundles.count))
    for bundle in bundles { Self.write(bundle, to: &out) }
    out.write(UInt32(epochs.count))
    for item in epochs {
      out.write(item.epoch.rawValue)
      out.write(item.end.rawValue)
    }
    out.write(entities != nil)
    entities?.write(to: &out)
    if !foreign.isEmpty {
      out.write(UInt32(foreign.count))
      for table in foreign {
        out.write(table.kind.rawValue)
        table.facts.write(to: &out)
      }
    }
    if !prepared.isEmpty || !joined.isEmpty {
      out.write(UInt32(prepared.count))
      for bundle in prepared { Self.write(bundle, to: &out) }
      out.write(UInt32(joined.count))
      for set in joined {
        out.write(UInt32(set.count))
        for bundle in set { Self.write(bundle, to: &out) }
      }
    }
    return out.bytes
  }

  private static func write(_ bundle: BundleID, to out: inout WireWriter) {
    out.write(bundle.high)
    out.write(bundle.low)
  }

  @_lifetime(reader: copy reader)
  private static func readBundles(_ reader: inout WireReader, limit: Int) throws(WireError) -> [BundleID] {
    var bundles: [BundleID] = []
    for _ in 0..<(try reader.readCount(itemSize: 16, limit: limit)) {
      bundles.append(BundleID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self)))
    }
    return bundles
  }

  public init(reading bytes: RawSpan) throws(WireError) {
    var reader = WireReader(bytes)
    loggedTime = try reader.read(Int64.self)
    sinkCursor = Offset(try reader.read(UInt64.self))
    horizonStart = try reader.read(Int64.self)
    let entries = try reader.read(UInt64.self)
    guard entries < UInt64(UInt32.max) / 2 else { throw .invalid(at: reader.position, "a dedup table holds at most 2^31 transactions") }
    dedupEntries = Int(entries)
    bundles = try Self.readBundles(&reader, limit: Self.bundlesMax)
    epochs = []
    for _ in 0..<(try reader.readCount(itemSize: 16, limit: Appended.epochsMax)) {
      let item = Appended.EpochEnd(epoch: Epoch(try reader.read(UInt64.self)), end: Offset(try reader.read(UInt64.self)))
      if let last = epochs.last, item.epoch <= last.epoch || item.end <= last.end {
        throw .invalid(at: reader.position, "epochs and their ends rise")
      }
      epochs.append(item)
    }
    entities = try reader.readBool() ? try EntityFacts(from: &reader) : nil
    if reader.remaining > 0 { foreign = try Self.readForeign(&reader) }
    if reader.remaining > 0 {
      prepared = try Self.readBundles(&reader, limit: PartitionState.preparedMax)
      for _ in 0..<(try reader.readCount(itemSize: 4, limit: EntityKind.allCases.count * EntityLayout.countMax)) {
        let set = try Self.readBundles(&reader, limit: PartitionState.preparedMax + 2)
        guard !set.isEmpty else { throw .invalid(at: reader.position, "a layout of no bundle") }
        joined.append(set)
      }
      guard !prepared.isEmpty || !joined.isEmpty else {
        throw .invalid(at: reader.position, "no bundles side by side, where some are said to be")
      }
    }
    let sets = bundles.count + joined.count
    let areNamed = foreign.allSatisfy { $0.facts.layouts.allSatisfy { $0.bundle < sets } }
    guard areNamed, entities == nil || !bundles.isEmpty, entities?.layouts.allSatisfy({ $0.bundle < bundles.count }) ?? true else {
      throw .invalid(at: reader.position, "entities are laid out by a bundle that isn't named")
    }
    try reader.finish()
  }

  @_lifetime(reader: copy reader)
  private static func readForeign(_ reader: inout WireReader) throws(WireError) -> [ForeignFacts] {
    var foreign: [ForeignFacts] = []
    let count = try reader.readCount(itemSize: 1, limit: EntityKind.allCases.count)
    guard count > 0 else { throw .invalid(at: reader.position, "no tables of other entities, where some are said to be") }
    for _ in 0..<count {
      let at = reader.position
      guard let kind = EntityKind(rawValue: try reader.read(UInt8.self)), kind != .card,
        foreign.last.map({ $0.kind.rawValue < kind.rawValue }) ?? true
      else { throw .invalid(at: at, "tables of entities are out of order") }
      foreign.append(ForeignFacts(kind: kind, facts: try EntityFacts(from: &reader)))
    }
    return foreign
  }
}
