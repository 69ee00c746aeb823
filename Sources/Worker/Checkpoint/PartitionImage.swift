import Models
import Wire

/// A partition's state at one offset, readable on another thread while the partition goes on (C1). The entities come
/// after it, in pieces.
public struct PartitionImage: Sendable {
  public var partition: PartitionID
  public var range: KeyRange
  public var offset: Offset
  public var epochs: [Appended.EpochEnd]
  public var loggedTime: Int64
  public var sinkCursor: Offset
  public var bundles: [BundleID]
  /// Those that others may decide by already (X6).
  public var prepared: [BundleID]
  /// Bundles whose features are joined in a layout of `foreign`, whose number is that of `bundles` and then theirs.
  public var joined: [[BundleID]]
  public var dedup: DedupImage
  public var entities: EntityFacts?
  /// Of the other kinds, in the order in which they come.
  public var foreign: [EntityFacts]
  public var home: HomeLedger
  public var accounts: EntityLedger
  public var hot: HotItems

  public var hasEntities: Bool { entities != nil || !foreign.isEmpty }
}

extension PartitionState {
  /// Begins a walk over the state as it is now.
  func image(of partition: PartitionID, range: KeyRange, log: EpochTable) -> PartitionImage {
    var facts = entities?.beginWalk()
    for index in facts?.layouts.indices ?? 0..<0 {
      facts!.layouts[index].bundle = bundles.firstIndex { $0.parts.home.features == facts!.layouts[index].features }!
    }
    var foreignFacts = foreign.beginWalk()
    var joined: [[BundleID]] = []
    for (table, kept) in zip(foreignFacts.indices, foreign.kept) {
      kept.forgetOrigins(but: foreignFacts[table].layouts.map { $0.features! })
      for index in foreignFacts[table].layouts.indices {
        let features = foreignFacts[table].layouts[index].features!
        let origin = kept.origins.first { $0.features == features }!.bundles
        foreignFacts[table].layouts[index].bundle = number(of: origin, &joined)
      }
    }
    return PartitionImage(
      partition: partition, range: range, offset: applied, epochs: log.prefix(applied), loggedTime: loggedTime, sinkCursor: sinkCursor,
      bundles: bundles.map(\.id), prepared: prepared.map(\.id), joined: joined, dedup: dedup.image(), entities: facts,
      foreign: foreignFacts, home: home,
      accounts: accounts, hot: HotItems(hot))
  }

  private func number(of origin: [BundleID], _ joined: inout [[BundleID]]) -> Int {
    if origin.count == 1, let known = bundles.firstIndex(where: { $0.id == origin[0] }) { return known }
    if let known = joined.firstIndex(of: origin) { return bundles.count + known }
    joined.append(origin)
    return bundles.count + joined.count - 1
  }

  /// The walk's next entities, about `bytes` of them; nil when none is under way.
  func walkOn(bytes: Int) -> EntityImages? {
    entities?.walkOn(bytes: bytes, isFollowed: foreign.isWalking) ?? foreign.walkOn(bytes: bytes)
  }

  /// Begins the entities that a snapshot tells of; answers what is wrong with them.
  func restoreEntities(_ facts: EntityFacts, _ features: [FeatureSet]) -> WireError? {
    do throws(WireError) {
      entities = try EntityTable(restoring: facts, features: features)
      return nil
    } catch {
      return error
    }
  }

  /// The same for those of another kind.
  func restoreForeign(_ facts: EntityFacts, _ origins: [ForeignEntities.Kept.Origin]) -> WireError? {
    do throws(WireError) {
      foreign.add(ForeignEntities.Kept(try EntityTable(restoring: facts, features: origins.map(\.features)), origins: origins))
      return nil
    } catch {
      return error
    }
  }

  /// Gives the walk up.
  func endWalk() {
    entities?.endWalk()
    foreign.endWalk()
  }

  /// What `digest()` says, from its parts.
  static func digest(
    dedup: UInt64, applied: Offset, loggedTime: Int64, entities: StateDigest?, bundles: [BundleID], prepared: [BundleID],
    foreign: [EntityKind.Digest], home: HomeLedger, accounts: EntityLedger, hot: UInt64
  ) -> UInt64 {
    var words: [UInt64] = [dedup, applied.rawValue, UInt64(bitPattern: loggedTime)]
    if let entities { words += [entities.high, entities.low] }
    for bundle in bundles { words.append(bundle.high) }
    for bundle in prepared { words.append(~bundle.high) }
    // Where there is no exchange, it is what it was before there could be one.
    for table in foreign { words += [UInt64(table.kind.rawValue), table.digest.high, table.digest.low] }
    if !home.isEmpty { words.append(home.digest()) }
    if !accounts.isEmpty { words.append(accounts.digest()) }
    if hot != 0 { words.append(hot) }
    return words.withUnsafeBytes { hash64($0, seed: 0) }
  }
}

extension EpochTable {
  /// Epochs of what lies below `offset`.
  func prefix(_ offset: Offset) -> [Appended.EpochEnd] {
    var table = self
    table.truncate(to: offset)
    return table.spans
  }

  /// The table of a log whose shape a snapshot tells.
  init(spans: [Appended.EpochEnd]) {
    self.init()
    var start = Offset.zero
    for span in spans {
      append(epoch: span.epoch, base: start, count: span.end - start)
      start = span.end
    }
  }
}
