import Logging
import NIOCore
import Wire

@testable import Client

/// A client's machine: the real submitter, fed with payments of a few cards; and the book of what it was told.
final class ClientHost: SubmitterDelegate {
  /// What the client knows of one transaction.
  struct Row {
    var record: [UInt8]
    var firstSent: Int64
    var answer: Answer?
    /// Times that an answer came.
    var answers = 0
    var isOut = false
    /// A retry was refused, because what lay that far back is forgotten.
    var isTooLate = false
  }

  struct Answer: Equatable {
    var partition: PartitionID
    var offset: Offset
    var decision: Decision
    var bundle: BundleID
    var listVersion: UInt64
    var reasons: [String]
  }

  let cluster: Cluster
  let process: Process
  private(set) var rows: [Row] = []
  private var submitter: Submitter!
  private var client: ClusterClient!
  private(set) var failed = 0
  private(set) var reread = 0
  private var isDying = false
  private(set) lazy var labeller = Labeller(process.name, world)
  /// New transactions are made.
  var isActive = true

  init(_ cluster: Cluster, _ process: Process) {
    self.cluster = cluster
    self.process = process
  }

  private var world: World { cluster.world }

  /// A new process that has the book of an earlier one: what it has no answer to, it sends again.
  func start() {
    guard !process.isAlive else { return }
    process.start()
    world.run(as: process) {
      let loop = Loop(process)
      var options = ClusterClientOptions(
        coordinators: cluster.coordinators.map { Endpoint(host: $0.process.host, port: 7101) }, name: process.name,
        logger: cluster.logger(process.name), seed: world.random.next())
      options.link = cluster.linkOptions
      client = ClusterClient(options, on: loop)
      var submit = SubmitOptions()
      submit.rowsPerFrame = 8
      submit.framesInFlight = 4
      submit.requestTimeout = 3_000_000_000
      submit.rowDeadline = 600_000_000_000
      submitter = Submitter(client, on: loop, options: submit, delegate: self)
      client.start()
      if cluster.plan.scenario == .exchange { labeller.start(client, on: loop, submit) }
      for tag in rows.indices where rows[tag].isOut { send(tag, isNew: false) }
    }
    schedule()
  }

  func kill() {
    world.note("\(process.name) killed")
    process.die()
    isDying = true
    world.run(as: process) {
      submitter.close()
      labeller.close()
      client.close()
    }
    isDying = false
  }

  func end() {
    guard process.isAlive else { return }
    world.run(as: process) {
      submitter.close()
      labeller.close()
      client.close()
    }
    process.die()
  }

  var outstanding: Int { rows.reduce(labeller.outstanding) { $0 + ($1.isOut ? 1 : 0) } }

  private func schedule() {
    world.after(
      .milliseconds(cluster.plan.clientInterval / 2) + world.random.within(0 ... .milliseconds(cluster.plan.clientInterval)), process
    ) {
      [unowned self] in
      if isActive { work() }
      schedule()
    }
  }

  private func work() {
    guard submitter.canAccept, outstanding < 200 else { return }
    for _ in 0...world.random.below(cluster.plan.rowsMax) { submit() }
    // What was answered before is asked for again: the answer must be the same.
    if !rows.isEmpty, world.random.below(4) == 0 { again(world.random.below(rows.count)) }
    if cluster.plan.scenario == .exchange, !rows.isEmpty, world.random.below(2) == 0 { label(world.random.below(rows.count)) }
  }

  /// What has become known of a payment that was decided.
  private func label(_ tag: Int) {
    guard rows[tag].answer != nil else { return }
    labeller.label(tag, rows[tag].record)
  }

  /// A new payment.
  @discardableResult
  func submit() -> Int {
    let tag = rows.count
    var builder = TransactionBuilder()
    builder.id = Array("\(process.name)-\(tag)".utf8)
    builder.card = Array("card-\(world.random.below(cluster.plan.cards))".utf8)
    builder.eventTime = world.wall - Int64(world.random.below(world.random.below(10) == 0 ? 4_000 : 200))
    builder.amount = Int64(world.random.below(10_000))
    builder.currency = .euro
    if cluster.plan.hasEntities {
      if world.random.below(8) > 0 { builder.terminal = Array("terminal-\(world.random.below(6))".utf8) }
      if world.random.below(3) > 0 { builder.device = Array("device-\(world.random.below(9))".utf8) }
      if world.random.below(5) > 0 { builder.merchant = Array("merchant-\(world.random.below(3))".utf8) }
    }
    var record: [UInt8] = []
    builder.append(to: &record)
    rows.append(Row(record: record, firstSent: world.wall, answer: nil))
    send(tag, isNew: true)
    return tag
  }

  /// A payment that was sent before, as a client does that has restarted, or lost the answer.
  func again(_ tag: Int) {
    guard !rows[tag].isOut else { return }
    reread += 1
    send(tag, isNew: false)
  }

  private func send(_ tag: Int, isNew: Bool) {
    rows[tag].isOut = true
    let record = rows[tag].record
    submitter.enqueue(record.span.bytes, tag: UInt64(tag), firstSent: isNew ? nil : rows[tag].firstSent)
  }

  // MARK: What it is told

  func submitter(_ submitter: Submitter, answered row: borrowing RowAnswer) {
    guard !isDying else { return }
    let tag = Int(row.tag)
    rows[tag].isOut = false
    switch row.kind {
    case .rejected where row.rejection?.reason == .retryBeforeHorizon && cluster.plan.scenario == .horizon:
      rows[tag].isTooLate = true
      // No clock makes the horizon shorter by more than a quarter; rows of one batch lie a second apart.
      let age = world.wall - rows[tag].firstSent
      if age < cluster.plan.workerConfig.dedupHorizon * 3 / 4 - 1_000 {
        world.fail("\(process.name)'s transaction \(tag) was first sent \(age) ms ago, and refused as too old")
      }
    case .failed:
      failed += 1
      world.fail("\(process.name)'s transaction \(tag) was given up: \(row.failure, default: "no reason")")
    case .rejected:
      world.fail("\(process.name)'s transaction \(tag) was rejected: \(row.rejection, default: "no reason")")
    case .decided, .alreadyDecided:
      let names = row.names
      let answer = Answer(
        partition: row.partition, offset: row.offset, decision: row.decision, bundle: names?.id ?? .none,
        listVersion: row.listVersion,
        reasons: (0..<4).compactMap { index in
          let reason = row.decision.reasons[index]
          return reason == Decision.noReason ? nil : names.flatMap { Int(reason) < $0.reasons.count ? $0.reasons[Int(reason)] : nil }
        })
      rows[tag].answers += 1
      cluster.answers += 1
      if let before = rows[tag].answer {
        if before != answer {
          world.fail("\(process.name)'s transaction \(tag) was decided \(before) and later \(answer)")
        }
      } else {
        rows[tag].answer = answer
      }
      world.mix(row.offset.rawValue)
    }
  }

  func submitter(_ submitter: Submitter, quarantined tag: UInt64, failure: FailureCode?) {}
  func submitterIsReady(_ submitter: Submitter) {}
}
