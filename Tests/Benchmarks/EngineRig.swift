import Models
import Wire
import Worker

/// One shard that is primary of every partition, with a disk that is always done.
struct EngineRig {
  let shard: Shard
  var intake = IntakeBatch()
  let table: RoutingTable
  let schema: Schema
  var ticket: UInt64 = 0
  var decided = 0
  var alerts = 0

  init(bundle: Bundle, partitions: Int) {
    let me = Member(node: NodeID(1), storage: StorageID(high: 1, low: 1), incarnation: Incarnation(1))
    shard = Shard(me: me, dedupHorizon: 600_000)
    let records = KeyRange.tiles(partitions).enumerated().map { index, range in
      PartitionRecord(
        id: PartitionID(UInt32(index + 1)), range: range, epoch: Epoch(1), version: RecordVersion(1), primary: me, isr: [me],
        replicas: [me.node])
    }
    let map = ClusterMap(
      cluster: ClusterID(high: 1, low: 1), version: MapVersion(1), settings: ClusterSettings(replicas: 1, minInSync: 1),
      nodes: [NodeRecord(id: me.node, name: "bench", address: "127.0.0.1:1", storage: me.storage, incarnation: me.incarnation)],
      partitions: records, activeBundle: bundle.id)
    table = RoutingTable(map)
    schema = bundle.schema
    shard.loaded(bundle, now: 1)
    shard.learned(map, now: 1)
    settle(now: 1)
    shard.loaded(bundle, now: 1)
    settle(now: 1)
  }

  func fill(_ payload: inout [UInt8], from source: inout LoadSource, rows: Int, at now: Int64) {
    var out = WireWriter(reusing: payload)
    out.bytes.removeAll(keepingCapacity: true)
    Submit(firstSent: now, deadlineMilliseconds: 1_000, flags: [], rowCount: rows).write(rows: RawSpan(), to: &out)
    payload = out.bytes
    source.append(rows, at: now, to: &payload)
  }

  /// Validates the rows and finds their partitions.
  @discardableResult
  mutating func prepare(_ payload: [UInt8], now: Int64) -> Submit {
    let span = payload.span.bytes
    let submit = try! Submit(reading: span)
    try! intake.prepare(submit, span, schema: schema, table: table, now: now)
    precondition(intake.rejected.isEmpty, "every row of the load is valid")
    return submit
  }

  mutating func decide(_ payload: [UInt8], now: Int64) {
    let submit = prepare(payload, now: now)
    let span = payload.span.bytes
    shard.decide(
      span, rows: intake.rows, rejected: [], rowCount: submit.rowCount, firstSent: submit.firstSent, withFeatures: false, token: 0,
      now: now)
    settle(now: now)
  }

  private mutating func settle(now: Int64) {
    while let chunk = shard.takeChunk() {
      _ = chunk
      ticket += 1
      shard.handedOver(ticket: ticket)
      shard.durable(ticket: ticket, now: now)
    }
    for id in shard.output.completed {
      for outcome in shard.request(id).outcomes {
        precondition(outcome.status == .decided, "\(outcome)")
        decided += 1
        if outcome.decision.verdict == .potentialFraud { alerts += 1 }
      }
      shard.release(id)
    }
    shard.output = ShardOutput()
  }
}
