import Models
import Wire

/// Reads a snapshot file block by block and makes a partition's state of it. Pure: `load` has the file.
///
/// The manifest is proven by the header, every block by the manifest: a file that reads to the end is the one that was
/// written.
public struct SnapshotReader {
  /// `count` bytes at `offset`, fewer only at the file's end.
  public typealias Load = (_ offset: Int, _ count: Int) throws -> [UInt8]

  public let header: SnapshotHeader
  public let manifest: SnapshotManifest

  /// - Throws: `SnapshotError`, or what `load` throws.
  public init(size: Int, load: Load) throws {
    let front = try load(0, SnapshotHeader.size)
    header = try SnapshotHeader(reading: front.span.bytes)
    guard header.fileSize == size else {
      throw size < header.fileSize ? SnapshotError.truncated : .badManifest("the file is longer than written")
    }
    let bytes = try load(header.manifestAt, header.fileSize - header.manifestAt)
    guard let block = SnapshotBlock(readingHeader: bytes.span.bytes), block.kind == .manifest else {
      throw SnapshotError.badManifest("no manifest where the header says")
    }
    let contents = try block.contents(bytes.span.bytes.extracting(SnapshotBlock.headerSize..<bytes.count), at: header.manifestAt)
    guard contents.withUnsafeBytes({ SnapshotHash(of: $0) }) == header.manifestHash else {
      throw SnapshotError.badManifest("its hash is not the header's")
    }
    manifest = try Self.manifest(contents)
    let end = manifest.items.last.map { $0.at + SnapshotBlock.headerSize + $0.block.storedLength } ?? 0
    guard end == header.manifestAt, manifest.items.first?.block.kind == .facts else {
      throw SnapshotError.badManifest("blocks are missing")
    }
  }

  private static func manifest(_ contents: [UInt8]) throws(SnapshotError) -> SnapshotManifest {
    do throws(WireError) { return try SnapshotManifest(reading: contents.span.bytes) } catch { throw .badManifest("\(error)") }
  }

  private static func facts(_ contents: [UInt8]) throws(SnapshotError) -> SnapshotFacts {
    do throws(WireError) { return try SnapshotFacts(reading: contents.span.bytes) } catch { throw .unreadable("\(error)") }
  }

  /// The proven contents of block number `index`.
  public func contents(_ index: Int, load: Load) throws -> [UInt8] {
    let item = manifest.items[index]
    let bytes = try load(item.at, SnapshotBlock.headerSize + item.block.storedLength)
    guard let block = SnapshotBlock(readingHeader: bytes.span.bytes), block == item.block else {
      throw SnapshotError.badBlock(at: item.at, "its header is not the manifest's")
    }
    return try block.contents(bytes.span.bytes.extracting(SnapshotBlock.headerSize..<bytes.count), at: item.at)
  }

  public func facts(load: Load) throws -> SnapshotFacts {
    let facts = try Self.facts(try contents(0, load: load))
    guard facts.epochs.last?.end ?? .zero == header.offset, facts.epochs.last?.epoch ?? .none == header.epoch,
      facts.dedupEntries == header.dedupEntries, facts.entityCount == header.entities
    else { throw SnapshotError.unreadable("its facts are not its header's") }
    return facts
  }

  /// The state as it was at `header.offset`. `bundle` finds every bundle that the snapshot names. With `proven`, its
  /// digest is taken and must be the one that was written.
  public func restore(dedupHorizon: Int64, proven: Bool, load: Load, bundle: (BundleID) -> Bundle?) throws -> RestoredSnapshot {
    let facts = try facts(load: load)
    let restoring = try RestoringState(facts, at: header.offset, dedupHorizon: dedupHorizon, try bundles(facts, bundle))
    for index in manifest.items.indices.dropFirst() {
      try restoring.take(manifest.items[index].block.kind, try contents(index, load: load))
    }
    let state = try restoring.finish()
    if proven, !planted(.snapshotWithoutDuplicates) {
      let digest = state.digest()
      guard digest == header.stateDigest else { throw SnapshotError.otherState(digest: digest, expected: header.stateDigest) }
    }
    return RestoredSnapshot(header: header, log: EpochTable(spans: facts.epochs), state: state)
  }

  private func bundles(_ facts: SnapshotFacts, _ find: (BundleID) -> Bundle?) throws -> [BundleID: Bundle] {
    var bundles: [BundleID: Bundle] = [:]
    for id in facts.allBundles {
      guard let found = find(id) else { throw SnapshotError.bundleMissing(header.partition, id) }
      bundles[id] = found
    }
    return bundles
  }
}

/// A partition's state out of a snapshot, and the shape of the log below it.
public struct RestoredSnapshot {
  public let header: SnapshotHeader
  public let log: EpochTable
  public let state: PartitionState

  public var offset: Offset { header.offset }
}

/// A state that is being put together from a snapshot's contents.
final class RestoringState {
  private let facts: SnapshotFacts
  private let state: PartitionState

  init(_ facts: SnapshotFacts, at offset: Offset, dedupHorizon: Int64, _ found: [BundleID: Bundle]) throws(SnapshotError) {
    let state = PartitionState(dedupHorizon: dedupHorizon)
    self.facts = facts
    self.state = state
    let bundles = facts.bundles.map { found[$0]! }
    state.setRestored(
      bundles, prepared: facts.prepared.map { found[$0]! }, applied: offset, loggedTime: facts.loggedTime, sinkCursor: facts.sinkCursor)
    state.dedup = DedupTable(restoring: facts.dedupEntries, horizonStart: facts.horizonStart)
    for table in facts.foreign {
      let origins = table.facts.layouts.compactMap { layout in
        ForeignEntities.origin(table.kind, facts.origin(layout.bundle).map { found[$0]! })
      }
      guard origins.count == table.facts.layouts.count else { throw .unreadable("a bundle has no features of its \(table.kind) entities") }
      if let problem = state.restoreForeign(table.facts, origins) { throw .unreadable("\(problem)") }
    }
    guard let known = facts.entities else { return }
    let features = known.layouts.map { bundles[$0.bundle].parts.home.features }
    if let problem = state.restoreEntities(known, features) { throw .unreadable("\(problem)") }
  }

  func take(_ kind: SnapshotBlock.Kind, _ contents: [UInt8]) throws(SnapshotError) {
    switch kind {
    case .dedup: try takeDedup(contents)
    case .entities: try takeEntities(contents)
    case .exchange:
      guard state.home.isEmpty, state.accounts.isEmpty else { throw .unreadable("it has two exchanges") }
      try takeExchange(contents)
    case .exchangeGoesOn: try takeExchange(contents)
    case .lists: try takeLists(contents)
    case .listVersions: try takeListVersions(contents)
    case .facts, .manifest: throw .unreadable("a block of kind \(kind) stands among the state's")
    }
  }

  private func takeEntities(_ contents: [UInt8]) throws(SnapshotError) {
    guard state.entities != nil else { throw .unreadable("it has entities and no bundle") }
    var failure: WireError?
    contents.withUnsafeBytes { records in
      do throws(WireError) {
        // A block's records are of one kind, and begin with it.
        if let kind = EntityKind(rawValue: records.first ?? 0), kind != .card {
          guard let kept = state.foreign[kind] else { throw .invalid(at: 0, "entities of a kind that it does not name") }
          try kept.table.restore(records)
        } else {
          try state.entities!.restore(records)
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw .unreadable("\(failure)") }
  }

  private func takeExchange(_ contents: [UInt8]) throws(SnapshotError) {
    do throws(WireError) {
      var reader = WireReader(contents.span.bytes)
      let home = try HomeLedger(from: &reader)
      let accounts = try EntityLedger(from: &reader)
      try reader.finish()
      guard state.home.append(home), state.accounts.append(accounts) else {
        throw .invalid(at: 0, "parts of the exchange are out of order")
      }
      guard home.unfinished.allSatisfy({ Int($0.bundle) < state.bundles.count }) else {
        throw .invalid(at: 0, "an intake under a bundle that isn't named")
      }
    } catch {
      throw .unreadable("\(error)")
    }
  }

  private func takeLists(_ contents: [UInt8]) throws(SnapshotError) {
    do throws(WireError) {
      let part = try HotItems(reading: contents.span.bytes)
      guard part.version >= state.hot.version, state.hot.items.last?.version ?? 0 < part.items.first?.version ?? .max else {
        throw .invalid(at: 0, "hot items are out of order")
      }
      state.hot.apply(part.items, version: part.version, replacing: false)
    } catch {
      throw .unreadable("\(error)")
    }
  }

  private func takeListVersions(_ contents: [UInt8]) throws(SnapshotError) {
    if planted(.snapshotWithoutDuplicates) { return }
    do throws(WireError) {
      guard state.dedup.restore(try ListVersionsPart(reading: contents.span.bytes)) else {
        throw .invalid(at: 0, "list versions of dedup entries are out of order")
      }
    } catch {
      throw .unreadable("\(error)")
    }
  }

  private func takeDedup(_ contents: [UInt8]) throws(SnapshotError) {
    if planted(.snapshotWithoutDuplicates) { return }
    let size = DedupTable.Entry.encodedSize
    let span = contents.span.bytes
    guard contents.count % size == 0, state.dedup.count + contents.count / size <= facts.dedupEntries else {
      throw .unreadable("it has other dedup entries than it says")
    }
    for at in stride(from: 0, to: contents.count, by: size) {
      guard let entry = DedupTable.Entry(reading: span.extracting(at..<at + size)), Int(entry.bundle) < state.bundles.count else {
        throw .unreadable("a dedup entry has no such decision or bundle")
      }
      state.dedup.restore(entry)
    }
  }

  /// The state, once everything has been taken.
  func finish() throws(SnapshotError) -> PartitionState {
    guard state.dedup.count == facts.dedupEntries || planted(.snapshotWithoutDuplicates), state.entityCount == facts.entityCount
    else {
      throw .unreadable("it has fewer entries than it says")
    }
    return state
  }
}
