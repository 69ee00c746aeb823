import ArgumentParser
import Glibc
import Models
import Wire
import Worker

/// The engine alone: transactions made in the process, decided by one shard, no journal and no network.
struct EngineBench: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "engine", abstract: "CPU of a decision without journal and network.")

  @Option var transactions = 2_000_000
  @Option var cards = 100_000
  @Option var partitions = 16
  @Option var batch = 128

  func run() throws {
    let bundle = try BenchBundle.make()
    var rig = EngineRig(bundle: bundle, partitions: partitions)
    var source = LoadSource(seed: 1, prefix: 1, cards: cards)
    var now: Int64 = 1_767_571_200_000
    // Before the clock starts: pages are touched, cards have history.
    var payload: [UInt8] = []
    func step() {
      now += 1
      rig.fill(&payload, from: &source, rows: batch, at: now)
      rig.decide(payload, now: now)
    }
    for _ in 0..<max(1, transactions / batch / 4) { step() }
    let sourceOnly = cpuSeconds {
      for _ in 0..<transactions / batch {
        now += 1
        rig.fill(&payload, from: &source, rows: batch, at: now)
      }
    }
    let before = rig.decided
    let all = cpuSeconds { for _ in 0..<transactions / batch { step() } }
    let decided = Double(rig.decided - before)
    print("engine: \(Int(decided)) transactions, \(cards) cards, \(partitions) partitions, batches of \(batch)")
    print("  source alone          \(microseconds(sourceOnly, decided)) CPU-us a transaction")
    print("  source and engine     \(microseconds(all, decided)) CPU-us a transaction (goal 1.5)")
    print("  engine                \(microseconds(all - sourceOnly, decided)) CPU-us a transaction")
    print("  alerts                \(rig.alerts)")
    print("  state                 \(rig.memory / max(1, rig.entities)) bytes a card over \(rig.entities) cards")
  }
}

func microseconds(_ seconds: Double, _ count: Double) -> String { decimal(seconds * 1e6 / count, 3) }

func decimal(_ value: Double, _ digits: Int) -> String {
  let scale = pow(10, Double(digits))
  let rounded = (value * scale).rounded()
  let whole = Int(rounded / scale)
  let rest = Int(rounded.magnitude) % Int(scale)
  return "\(whole)." + String(String(rest + Int(scale)).dropFirst())
}

/// CPU time of this process, user and system, that `body` takes.
func cpuSeconds(_ body: () -> Void) -> Double {
  func used() -> Double {
    var usage = rusage()
    getrusage(0, &usage)  // RUSAGE_SELF, which glibc types otherwise
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }
  let before = used()
  body()
  return used() - before
}

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

  mutating func decide(_ payload: [UInt8], now: Int64) {
    let span = payload.span.bytes
    let submit = try! Submit(reading: span)
    try! intake.prepare(submit, span, schema: schema, table: table, now: now)
    precondition(intake.rejected.isEmpty, "\(intake.rejected[0])")
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

  var entities: Int { shard.totals.entities }
  var memory: Int { shard.totals.entityBytes }
}
