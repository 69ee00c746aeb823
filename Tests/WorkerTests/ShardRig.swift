import Models
import Testing
import Wire

@testable import Worker

/// One node's shard with a disk that syncs when told to. Keeps all that it wrote.
struct ShardRig {
  static let start: Int64 = 1_767_571_200_000
  static let horizon: Int64 = 600_000
  static let me = Member(node: NodeID(1), storage: StorageID(high: 1, low: 1), incarnation: Incarnation(1))

  let shard: Shard
  var records: [PartitionRecord]
  let bundle: Bundle
  var now = start
  var version: UInt64 = 1
  var ticket: UInt64 = 0
  var written: [UInt8] = []
  private var intake = IntakeBatch()

  static func bundle(_ number: UInt64) throws -> Bundle {
    let features =
      "version: 1\nfeatures:\n  - {name: amount, aggregate: field, of: amount}\n  - {name: count_1h, aggregate: count, window: 1h}\n"
    let archive = BundleArchive(files: [
      "bundle.yaml": Array("version: 1\nname: b\(number)\nfeatures: features.yaml\n".utf8), "features.yaml": Array(features.utf8),
    ])
    return try Bundle(archive: archive, id: BundleID(high: number, low: number))
  }

  init(partitions: Int = 1, bundle: Bundle? = nil) throws {
    shard = Shard(me: Self.me, dedupHorizon: Self.horizon)
    self.bundle = try bundle ?? Self.bundle(1)
    records = KeyRange.tiles(partitions).enumerated().map { index, range in
      PartitionRecord(
        id: PartitionID(UInt32(index + 1)), range: range, epoch: Epoch(1), version: RecordVersion(1), primary: Self.me, isr: [Self.me],
        replicas: [Self.me.node])
    }
  }

  var map: ClusterMap {
    ClusterMap(
      cluster: ClusterID(high: 1, low: 1), version: MapVersion(version), settings: ClusterSettings(replicas: 1, minInSync: 1),
      nodes: [], partitions: records, activeBundle: BundleID(high: version, low: version))
  }

  mutating func lead() {
    shard.loaded(bundle, now: now)
    shard.learned(map, now: now)
    sync()
  }

  /// Hands what is written to the disk; durable only with `sync`.
  mutating func hand() {
    shard.settleExchanges(now: now)
    while let chunk = shard.takeChunk() {
      written += chunk.bytes
      ticket += 1
      shard.handedOver(ticket: ticket)
    }
  }

  mutating func sync() {
    repeat {
      hand()
      shard.durable(ticket: ticket, now: now)
      // What has committed may have more logged.
      shard.settleExchanges(now: now)
    } while !shard.chunk.isEmpty
  }

  static func transaction(_ id: String, card: String = "card-1", amount: Int64 = 100, at time: Int64 = start) -> [UInt8] {
    var builder = TransactionBuilder()
    builder.eventTime = time
    builder.amount = amount
    builder.currency = .euro
    builder.id = Array(id.utf8)
    builder.card = Array(card.utf8)
    var out: [UInt8] = []
    builder.append(to: &out)
    return out
  }

  @discardableResult mutating func submit(_ rows: [[UInt8]], firstSent: Int64? = nil, withFeatures: Bool = false) throws -> RequestID {
    var out = WireWriter()
    let submit = Submit(firstSent: firstSent ?? now, deadlineMilliseconds: 1_000, flags: [], rowCount: rows.count)
    submit.write(rows: RawSpan(), to: &out)
    let payload = out.bytes + rows.flatMap { $0 }
    try intake.prepare(submit, payload.span.bytes, schema: bundle.schema, table: RoutingTable(map), now: now)
    return shard.decide(
      payload.span.bytes, rows: intake.rows, rejected: intake.rejected, rowCount: rows.count, firstSent: submit.firstSent,
      withFeatures: withFeatures, token: 7, now: now)
  }

  @discardableResult mutating func submitLabels(_ rows: [(transaction: [UInt8], label: Label)]) throws -> RequestID {
    var out = WireWriter()
    let submit = Submit(firstSent: now, deadlineMilliseconds: 1_000, flags: .labels, rowCount: rows.count)
    submit.write(rows: RawSpan(), to: &out)
    var payload = out.bytes
    for row in rows {
      payload += row.transaction
      row.label.append(to: &payload)
    }
    try intake.prepare(submit, payload.span.bytes, schema: bundle.schema, table: RoutingTable(map), now: now)
    return shard.label(
      payload.span.bytes, rows: intake.rows, rejected: intake.rejected, rowCount: rows.count, token: 7, now: now)
  }

  /// Submits, syncs and reads the answer as a client does.
  mutating func answer(_ rows: [[UInt8]], firstSent: Int64? = nil, withFeatures: Bool = false) throws -> Decisions {
    let id = try submit(rows, firstSent: firstSent, withFeatures: withFeatures)
    sync()
    return try take(id)
  }

  mutating func take(_ id: RequestID) throws -> Decisions {
    precondition(shard.output.completed.contains(id))
    shard.output.completed.removeAll { $0 == id }
    var out = WireWriter()
    shard.request(id).writeAnswer(to: &out)
    let bytes = out.bytes
    let read = try Decisions(reading: bytes.span.bytes)
    // As text: a missing feature is no number, and so not equal to itself.
    precondition("\(read)" == "\(shard.request(id).decisions)")
    shard.release(id)
    return read
  }

  /// All log records that `bytes` holds.
  static func split(_ bytes: [UInt8]) throws -> [(LogRecord, [UInt8])] {
    var found: [(LogRecord, [UInt8])] = []
    var at = 0
    while at < bytes.count {
      let header = try #require(bytes[at...].withUnsafeBytes { try? LogRecord(reading: $0) }, "no record at byte \(at)")
      found.append((header, Array(bytes[at..<at + header.length])))
      at += header.length
    }
    return found
  }

  static func recover(_ records: [(LogRecord, [UInt8])], _ bundles: [Bundle]) throws -> RecoveredPartition {
    var recovered = RecoveredPartition(id: PartitionID(1), dedupHorizon: horizon, sinkCursor: .zero)
    for (header, bytes) in records { try replay(header, bytes, into: &recovered, bundles) }
    return recovered
  }

  static func replay(_ header: LogRecord, _ bytes: [UInt8], into recovered: inout RecoveredPartition, _ bundles: [Bundle]) throws {
    var failure: ApplyError?
    bytes.withUnsafeBytes { bytes in
      do throws(ApplyError) {
        try recovered.replay(header, bytes) { id in bundles.first { $0.id == id } }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }
}
