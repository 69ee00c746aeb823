import Models
import Wire

/// What a partition's log amounts to: the dedup table, every entity's windows, and which bundle decides. A pure function
/// of the entries applied (R14).
public final class PartitionState {
  /// Logged time of a partition that serves passes by such steps at rest, so that what lies behind the horizon goes little by little.
  static let restMax: Int64 = 300_000
  /// Entries of the dedup table are kept this much longer than a retry is taken, for clients' clocks that run ahead.
  static let clockSkewAllowed: Int64 = 10_000

  public internal(set) var dedup = DedupTable()
  /// The cards' histories.
  var entities: EntityTable?
  /// Those of other entities, and what the exchange with other partitions needs (X), as home and for entities.
  var foreign = ForeignEntities()
  public internal(set) var home = HomeLedger()
  public internal(set) var accounts = EntityLedger()
  /// Every bundle that has decided here, oldest first; dedup entries refer to them by index.
  public internal(set) var bundles: [Bundle] = []
  /// Those that others may decide by, and that have not decided here yet, oldest first (X6).
  var prepared: [Bundle] = []
  static let preparedMax = 2
  /// End of what has been applied.
  public internal(set) var applied = Offset.zero
  /// End of the last record with decisions that has been applied here; zero where that was before this process could see it.
  var decidedEnd = Offset.zero
  /// Of the last record (R: the dedup horizon is in logged time).
  public internal(set) var loggedTime: Int64 = .min
  /// The sinks have every decision below, as far as the log says.
  public internal(set) var sinkCursor = Offset.zero
  /// Intake has ended, for a split or a merge.
  var seal: Seal?
  /// The hot items that lie over the lists of whichever bundle decides.
  var hot = HotLists()
  let dedupHorizon: Int64
  private var scratch: [Double] = []
  private var rows: [Range<Int>] = []

  /// `dedupHorizon` in ms.
  public init(dedupHorizon: Int64) { self.dedupHorizon = dedupHorizon }

  public var bundle: Bundle? { bundles.last }
  public var entityCount: Int { (entities?.count ?? 0) + foreign.count }
  public var entityBytes: Int { (entities?.memoryBytes ?? 0) + foreign.memoryBytes }
  public var memoryBytes: Int { dedup.memoryBytes + entityBytes + home.bytes + accounts.memoryBytes }

  /// Time passes in the log: what lies behind the horizon is forgotten.
  ///
  /// Not in a sealed partition: its children's state is that at the seal, whatever else its log comes to hold (R12).
  func advance(to time: Int64) {
    guard seal == nil else { return }
    loggedTime = max(loggedTime, time)
    dedup.expire(before: loggedTime - dedupHorizon - Self.clockSkewAllowed)
  }

  /// The bundle decides from here on (S3).
  func activate(_ bundle: Bundle) {
    if entities == nil {
      entities = EntityTable(features: bundle.parts.home.features)
    } else if bundles.last?.features != bundle.features {
      entities!.rebuild(features: bundle.parts.home.features)
    }
    bundles.append(bundle)
    prepared.removeAll { $0.id == bundle.id }
    foreign.follow(sideBySide)
  }

  /// Contributions under the bundle may come from here on (X6).
  func prepare(_ bundle: Bundle) {
    prepared.append(bundle)
    if prepared.count > Self.preparedMax { prepared.removeFirst() }
    foreign.follow(sideBySide)
  }

  /// Bundles whose features of other entities are computed here, newest first: those that others may decide by already, the one
  /// that decides here, and the one before, whose contributions may still come, and to which there is a way back (X6).
  var sideBySide: [Bundle] {
    var all = Array(prepared.reversed())
    guard let active = bundles.last else { return all }
    all.append(active)
    if let previous = bundles.last(where: { $0.id != active.id }), !all.contains(where: { $0.id == previous.id }) { all.append(previous) }
    return all
  }

  /// Whether it has decided here, or may be asked for.
  func knows(_ id: BundleID) -> Bool { prepared.contains { $0.id == id } || bundles.contains { $0.id == id } }

  /// Applies a committed record that another replica, or an earlier process, decided.
  /// - Throws: `ApplyError` when the record can't be read or its bundle isn't here: the replica is to be stopped.
  public func apply(_ header: LogRecord, _ record: UnsafeRawBufferPointer, bundle find: (BundleID) -> Bundle?) throws(ApplyError) {
    precondition(header.baseOffset == applied, "records are applied in order: \(header.baseOffset) after \(applied)")
    advance(to: header.loggedTime)
    let payload = RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: record[LogRecord.headerSize..<header.length]))
    switch header.kind {
    case .epochStart, .checkpoint, .truncated, .dropped, .born, .unborn: break
    case .seal:
      do throws(WireError) {
        seal = Seal(succession: try Succession(reading: payload), end: header.endOffset)
      } catch {
        throw .unreadable(header.partition, header.baseOffset, "\(error)")
      }
    case .unsealed: seal = nil
    case .sinkCursor:
      guard payload.byteCount == 8 else { throw .unreadable(header.partition, header.baseOffset, "a sink cursor has 8 bytes") }
      sinkCursor = max(sinkCursor, Offset(UInt64(littleEndian: payload.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))))
    case .bundleActivated:
      guard let id = BundleID(namedBy: UnsafeRawBufferPointer(rebasing: record[..<header.length])) else {
        throw .unreadable(header.partition, header.baseOffset, "a bundle id has 16 bytes")
      }
      guard let bundle = find(id) else { throw .bundleMissing(header.partition, id) }
      activate(bundle)
    case .bundlePrepared:
      guard let id = BundleID(namedBy: UnsafeRawBufferPointer(rebasing: record[..<header.length])) else {
        throw .unreadable(header.partition, header.baseOffset, "a bundle id has 16 bytes")
      }
      guard let bundle = find(id) else { throw .bundleMissing(header.partition, id) }
      prepare(bundle)
    case .listItems:
      do throws(WireError) {
        try apply(ListItemsRecord(reading: payload))
      } catch {
        throw .unreadable(header.partition, header.baseOffset, error.description)
      }
    case .decided:
      do throws(WireError) {
        try apply(DecidedBatch(reading: payload, rowCount: header.count), header)
      } catch {
        throw .unreadable(header.partition, header.baseOffset, error.description)
      }
    case .intake, .contributions, .decidedLater, .acknowledged, .forgotten, .labels:
      do throws(WireError) {
        try apply(exchange: header, payload)
      } catch {
        throw .unreadable(header.partition, header.baseOffset, error.description)
      }
    }
    if header.kind.hasDecisions { decidedEnd = header.endOffset }
    applied = header.endOffset
  }

  private func apply(_ batch: borrowing DecidedBatch, _ header: LogRecord) throws(WireError) {
    guard let bundle, bundle.id == batch.bundle else {
      throw .invalid(at: 0, "decided under bundle \(batch.bundle), which isn't the active one")
    }
    try requireVersion(batch.listVersion)
    rows.removeAll(keepingCapacity: true)
    try batch.locateTransactions(into: &rows)
    if scratch.count < bundle.features.count { scratch = [Double](repeating: 0, count: bundle.features.count) }
    for (row, range) in rows.enumerated() {
      let transaction = batch.transaction(range)
      guard let decision = batch.decision(row) else { throw .invalid(at: row, "no such action or verdict") }
      let key = transaction.keyHash
      _ = scratch.withUnsafeMutableBufferPointer { entities!.observe(transaction, keyHash: key, into: $0) }
      if planted(.forgetDuplicates) { continue }
      dedup.insert(
        Fingerprint(id: transaction.id, card: key), content: hash64(transaction.bytes, seed: 0),
        partition: header.partition, offset: header.baseOffset + row, decision: decision, bundle: UInt32(bundles.count - 1),
        loggedTime: loggedTime, listVersion: batch.listVersion)
    }
  }

  /// Equal for replicas that applied the same entries.
  public func digest() -> UInt64 {
    Self.digest(
      dedup: dedup.digest(), applied: applied, loggedTime: loggedTime, entities: entities?.digest(), bundles: bundles.map(\.id),
      prepared: prepared.map(\.id), foreign: foreign.digests(), home: home, accounts: accounts,
      hot: hot.digest)
  }

  func setRestored(_ bundles: [Bundle], prepared: [Bundle], applied: Offset, loggedTime: Int64, sinkCursor: Offset) {
    self.bundles = bundles
    self.prepared = prepared
    self.applied = applied
    self.loggedTime = loggedTime
    self.sinkCursor = sinkCursor
  }
}

public enum ApplyError: Error, Equatable, Sendable, CustomStringConvertible {
  case bundleMissing(PartitionID, BundleID)
  case unreadable(PartitionID, Offset, String)

  public var description: String {
    switch self {
    case .bundleMissing(let partition, let id):
      "\(partition): the log activates bundle \(id), which is not on this node; restore it into the data directory's bundles folder"
    case .unreadable(let partition, let offset, let why): "\(partition): the record at offset \(offset) can't be applied: \(why)"
    }
  }
}
