import Client
import Logging
import Models
import NIOCore
import NIOPosix
import Wire

/// A client on a host of its own that sends transactions with unique ids at a fixed rate, whatever the cluster does: each
/// has its due time, and its latency counts from there. Keeps the ledger of all answers.
final class LoadClient: SubmitterDelegate, @unchecked Sendable {
  /// How far apart wake-ups are at least, nanoseconds.
  private static let tick: Int64 = 1_000_000

  let host: Host
  private let group: MultiThreadedEventLoopGroup
  private let eventLoop: any EventLoop
  private let client: ClusterClient
  private var source: LoadSource
  private var submitter: Submitter?
  private var pacer: Pacer?
  private var timer: Scheduled<Void>?
  private var isStopped = false
  private var buffer: [UInt8] = []
  private var ledger: Ledger
  /// Rows asked about again, after the load: their numbers in the ledger by tag.
  private var recheck: Recheck?

  private struct Recheck {
    var next = 0
    var outcome = RecheckOutcome()
    var done: EventLoopPromise<RecheckOutcome>
  }

  init(_ host: Host, on group: MultiThreadedEventLoopGroup, files: ClusterFiles, number: UInt32, cards: Int) throws {
    self.host = host
    self.group = group
    eventLoop = group.next()
    var logger = Logger(label: "chaos.\(host.name)")
    logger.logLevel = .critical
    client = ClusterClient(
      ClusterClientOptions(
        coordinators: files.coordinators.map { Endpoint(host: $0.address, port: ClusterFiles.port) },
        tls: try files.tls(host.name).clientContext(), name: host.name, logger: logger, seed: UInt64(number)),
      on: eventLoop)
    // The prefix keeps ids of two clients apart; their cards are the same.
    source = LoadSource(seed: UInt64(number), prefix: number, cards: cards)
    ledger = Ledger(recordLength: source.recordLength)
  }

  func connect() async throws {
    client.start()
    _ = try await client.map(within: 60_000_000_000)
    try await eventLoop.submit {
      var options = SubmitOptions()
      // What is due is taken even when the cluster stands still: the wait must show.
      options.rowsMax = 1 << 24
      options.bytesMax = 1 << 32
      options.rowDeadline = 300_000_000_000
      self.submitter = Submitter(self.client, on: self.eventLoop, options: options, delegate: self)
    }.get()
  }

  func start(rate: Double) {
    eventLoop.execute {
      self.pacer = Pacer(rate: rate, start: ClientClock.nanoseconds())
      self.feed()
    }
  }

  /// Sends nothing new any more; what is under way goes on.
  func stop() {
    eventLoop.execute {
      self.isStopped = true
      self.timer?.cancel()
    }
  }

  func outstanding() async throws -> Int { try await eventLoop.submit { self.submitter?.outstanding ?? 0 }.get() }

  /// Sent and answered so far.
  func progress() async throws -> (sent: Int, answered: Int) {
    try await eventLoop.submit { (self.ledger.count, self.ledger.count - (self.submitter?.outstanding ?? 0)) }.get()
  }

  /// The ledger, once nothing changes it any more.
  func finishedLedger() async throws -> Ledger { try await eventLoop.submit { self.ledger }.get() }

  var lastProblem: String? { submitter?.lastProblem }

  func close() async {
    try? await eventLoop.submit {
      self.isStopped = true
      self.timer?.cancel()
      self.submitter?.close()
      self.submitter = nil
    }.get()
    client.close()
    try? await group.shutdownGracefully()
  }

  // MARK: - Sending

  private func feed() {
    guard !isStopped, let submitter else { return }
    let now = ClientClock.nanoseconds()
    var dues: [Int64] = []
    while let due = pacer!.take(now) { dues.append(due) }
    if !dues.isEmpty {
      let wall = ClientClock.wall()
      buffer.removeAll(keepingCapacity: true)
      source.append(dues.count, at: wall, to: &buffer)
      let bytes = buffer
      let length = source.recordLength
      for (row, due) in dues.enumerated() {
        let record = bytes.span.bytes.extracting(row * length..<(row + 1) * length)
        let number = ledger.count
        ledger.add(record, due: due, wall: wall)
        submitter.enqueue(record, tag: UInt64(number), due: due)
      }
    }
    timer = eventLoop.scheduleTask(in: .nanoseconds(max(pacer!.nextDue - now, Self.tick))) { self.feed() }
  }

  // MARK: - Asking again

  /// Asks for every transaction once more, with the same content, and compares with what was said the first time.
  func askAgain() async throws -> RecheckOutcome {
    let promise = eventLoop.makePromise(of: RecheckOutcome.self)
    eventLoop.execute {
      self.recheck = Recheck(done: promise)
      self.refill()
    }
    return try await promise.futureResult.get()
  }

  private func refill() {
    guard recheck != nil, let submitter else { return }
    let bytes = ledger.records
    while recheck!.next < ledger.count, submitter.outstanding < 8_192 {
      let number = recheck!.next
      recheck!.next += 1
      submitter.enqueue(bytes.span.bytes.extracting(ledger.range(number)), tag: UInt64(number), firstSent: ledger.firstSent[number])
    }
    if recheck!.next == ledger.count, submitter.outstanding == 0 {
      let finished = recheck!
      recheck = nil
      finished.done.succeed(finished.outcome)
    }
  }

  func submitterIsReady(_ submitter: Submitter) { refill() }

  // MARK: - Answers

  func submitter(_ submitter: Submitter, answered row: borrowing RowAnswer) {
    let number = Int(row.tag)
    var answer: Ledger.Answer?
    if row.kind == .decided || row.kind == .alreadyDecided, let names = row.names {
      answer = Ledger.Answer(partition: row.partition, offset: row.offset, decision: row.decision, bundle: names.id)
    }
    let reason = row.rejection.map { "\($0)" } ?? row.failure.map { "\($0)" } ?? "no answer"
    if recheck != nil {
      recheck!.outcome.compare(ledger.answers[number], answer, number, reason)
    } else if let answer {
      ledger.answer(number, answer, at: ClientClock.nanoseconds())
    } else {
      ledger.fail(number, reason)
    }
  }

  func submitter(_ submitter: Submitter, quarantined tag: UInt64, failure: FailureCode?) {}
}

/// What asking again has shown.
struct RecheckOutcome: Sendable {
  var asked = 0
  var equal = 0
  /// Never acknowledged during the run; decided now, or known to be decided.
  var late = 0
  var changed: [String] = []
  var unanswered: [String] = []

  mutating func compare(_ before: Ledger.Answer?, _ now: Ledger.Answer?, _ number: Int, _ reason: String) {
    asked += 1
    switch (before, now) {
    case (let before?, let now?):
      if before == now { equal += 1 } else { changed.append("transaction \(number): \(before) became \(now)") }
    case (nil, _?): late += 1
    case (_, nil): unanswered.append("transaction \(number): \(reason)")
    }
  }

  mutating func add(_ other: RecheckOutcome) {
    asked += other.asked
    equal += other.equal
    late += other.late
    changed += other.changed
    unanswered += other.unanswered
  }
}
