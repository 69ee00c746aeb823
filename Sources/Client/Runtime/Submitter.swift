import NIOCore
import Wire

/// Hears what becomes of rows. All calls come on the submitter's event loop.
public protocol SubmitterDelegate: AnyObject {
  /// Once for each row. No row may be enqueued from within.
  func submitter(_ submitter: Submitter, answered row: borrowing RowAnswer)
  /// Once for each unreadable record. `failure` nil: it is on a worker's disk.
  func submitter(_ submitter: Submitter, quarantined tag: UInt64, failure: FailureCode?)
  /// Rows may be enqueued: at the end of each burst in which something was answered, while `canAccept`.
  func submitterIsReady(_ submitter: Submitter)
}

/// Sends transactions to the workers that own their cards, many at a time, and sees each through: rows that a worker can't
/// decide now, or whose answer was lost, are sent again, with their first-sent time, to whichever worker the newest map
/// names. Lives on one event loop, where all methods are called, until it is closed.
public final class Submitter: @unchecked Sendable {
  public let eventLoop: any EventLoop
  let client: ClusterClient
  private weak var delegate: (any SubmitterDelegate)?
  private let core: SubmitCore
  private var quarantine: QuarantineQueue
  /// By pipe.
  private var links: [WorkerLink] = []
  private var map: ClusterMap?
  private(set) var identity: LinkIdentity
  /// Where the next quarantine frame goes first.
  private var turnOfQuarantine = 0
  private var isTurning = false
  private var isTurnScheduled = false
  private var isReporting = false
  private var hasNews = false
  private var isClosed = false
  private var cached: ClientTime?
  private var timer: (at: Int64, task: Scheduled<Void>)?
  private var generator: JitterGenerator
  /// Why the last link ended, for the end's message to a person.
  public private(set) var lastProblem: String?

  public init(
    _ client: ClusterClient, on eventLoop: any EventLoop, options: SubmitOptions = SubmitOptions(),
    delegate: any SubmitterDelegate
  ) {
    self.client = client
    self.eventLoop = eventLoop
    self.delegate = delegate
    core = SubmitCore(options, seed: client.options.seed &+ 1)
    quarantine = QuarantineQueue(options)
    generator = JitterGenerator(seed: client.options.seed &+ 2)
    let certified = client.options.tls?.name
    identity = LinkIdentity(
      role: certified?.role ?? .client, name: certified?.name ?? client.options.name, product: Product.nameAndVersion)
    client.watch(on: eventLoop) { [weak self] map in self?.learned(map) }
  }

  // MARK: - For the owner

  /// Whether rows may be enqueued; bounds are passed by no more than what a caller adds before asking again.
  public var canAccept: Bool { !isClosed && core.canAccept && quarantine.count < core.options.rowsMax }

  /// Rows and unreadable records that are not reported yet.
  public var outstanding: Int { core.rowsOutstanding + quarantine.count }

  public var retries: SubmitRetries { core.retries }
  /// Rows sent more than once, each time counted.
  public var resent: Int { core.retries.rows }

  /// Takes one transaction record, which must be whole; its bytes are copied. `due` is when it was to be sent, on the
  /// monotonic clock (`ClientClock.nanoseconds`): its latency counts from there. nil is now. `firstSent` (ms since the
  /// Unix epoch) is given for a row that an earlier process may have sent already.
  public func enqueue(_ record: RawSpan, tag: UInt64, due: Int64? = nil, firstSent: Int64? = nil) {
    eventLoop.assertInEventLoop()
    precondition(!isReporting, "no row is enqueued from within a report")
    precondition(!isClosed, "the submitter is closed")
    let now = time()
    core.enqueue(record, tag: tag, start: due ?? now.nanoseconds, firstSent: firstSent, now: now)
    scheduleTurn()
  }

  /// Takes a record that could not be read, for the cluster's quarantine.
  public func quarantine(_ record: Quarantine.Record, tag: UInt64) {
    eventLoop.assertInEventLoop()
    precondition(!isReporting, "no record is added from within a report")
    let giveUpAt = ClientClock.nanoseconds() + core.options.rowDeadline
    quarantine.add(QuarantineQueue.Entry(record: record, tag: tag, giveUpAt: giveUpAt))
    scheduleTurn()
  }

  /// Ends all links. What is outstanding is reported as failed.
  public func close() {
    eventLoop.assertInEventLoop()
    precondition(!isReporting, "a submitter is not closed from within a report")
    guard !isClosed else { return }
    isClosed = true
    report { report in core.abandon(ClientClock.now(), report) }
    quarantined(quarantine.abandon(), .unavailable)
    timer?.task.cancel()
    for link in links { link.close() }
    links.removeAll()
  }

  // MARK: - Turns

  /// The clocks, read once a turn.
  private func time() -> ClientTime {
    if let cached, isTurning { return cached }
    return ClientClock.now()
  }

  private func scheduleTurn() {
    guard !isTurning, !isTurnScheduled else { return }
    isTurnScheduled = true
    eventLoop.execute {
      self.isTurnScheduled = false
      self.turn()
    }
  }

  /// Does what is due, lets the owner add rows, and sends what may leave.
  func turn() {
    guard !isClosed, !isTurning else { return }
    isTurning = true
    defer { isTurning = false }
    var now = ClientClock.now()
    cached = now
    if nextDue(now.nanoseconds) <= now.nanoseconds {
      report { report in core.tick(now, report) }
      quarantined(quarantine.expire(now.nanoseconds, using: &generator), .deadline)
    }
    if hasNews, canAccept {
      hasNews = false
      delegate?.submitterIsReady(self)
      guard !isClosed else { return }
      now = ClientClock.now()
      cached = now
    }
    core.pump(now) { pipe, correlation, submit, batch in
      let link = links[core.pipe(of: pipe.node)].link
      link?.send(.submit, correlation: correlation) { batch.write(submit, to: &$0) }
    }
    sendQuarantine(now)
    for (pipe, link) in zip(core.pipes, links) where pipe.hasQueued && !pipe.isOpen { link.open() }
    schedule(nextDue(now.nanoseconds), now.nanoseconds)
  }

  private func sendQuarantine(_ now: ClientTime) {
    guard quarantine.hasQueued else { return }
    var tried = 0
    while tried < links.count {
      let target = links[turnOfQuarantine % links.count]
      turnOfQuarantine += 1
      tried += 1
      guard target.pipe.isOpen, target.pipe.isWritable, let link = target.link else {
        target.open()
        continue
      }
      let correlation = core.nextCorrelation()
      guard let message = quarantine.next(to: target.pipe.node, correlation: correlation, now.nanoseconds) else { return }
      link.send(.quarantine, correlation: correlation) { message.write(to: &$0) }
      tried = 0
    }
  }

  private func nextDue(_ now: Int64) -> Int64 { min(core.nextDue, quarantine.nextDue(now)) }

  private func schedule(_ due: Int64, _ now: Int64) {
    if let timer, timer.at <= due { return }
    timer?.task.cancel()
    timer = nil
    guard due < .max else { return }
    let task = eventLoop.scheduleTask(in: .nanoseconds(max(due - now, 10_000))) {
      self.timer = nil
      self.turn()
    }
    timer = (due, task)
  }

  /// Runs a step of the core that reports rows.
  private func report(_ step: (SubmitCore.Report) -> Void) {
    isReporting = true
    defer { isReporting = false }
    step { row in
      hasNews = true
      delegate?.submitter(self, answered: row)
    }
  }

  private func quarantined(_ entries: [QuarantineQueue.Entry], _ failure: FailureCode?) {
    guard !entries.isEmpty else { return }
    isReporting = true
    hasNews = true
    for entry in entries { delegate?.submitter(self, quarantined: entry.tag, failure: failure) }
    isReporting = false
  }

  // MARK: - From links and the client

  private func learned(_ map: ClusterMap) {
    guard !isClosed, map.version > self.map?.version ?? .none else { return }
    self.map = map
    identity.cluster = map.cluster
    core.learned(map, ClientClock.now())
    while links.count < core.pipes.count { links.append(WorkerLink(self, core.pipes[links.count])) }
    for link in links { link.learned(map.node(link.pipe.node)) }
    turn()
  }

  func opened(_ link: WorkerLink) {
    core.opened(link.pipe)
    turn()
  }

  func received(_ header: FrameHeader, _ payload: RawSpan, _ link: WorkerLink) throws(WireError) {
    guard !isClosed else { return }
    let now = ClientClock.now()
    switch header.kind {
    case .decisions:
      isReporting = true
      defer { isReporting = false }
      hasNews = true
      try core.answered(link.pipe, correlation: header.correlation, payload, now) { row in
        delegate?.submitter(self, answered: row)
      }
    case .quarantined:
      _ = try Quarantined(reading: payload)
      quarantined(quarantine.acknowledged(header.correlation), nil)
    case .failure:
      let failure = try Failure(reading: payload)
      lastProblem = "\(failure)"
      report { report in core.refused(link.pipe, correlation: header.correlation, failure, now, report) }
      let over = quarantine.lost(now.nanoseconds, isFinal: !failure.isRetriable, using: &generator) {
        $0.correlation == header.correlation
      }
      quarantined(over, failure.code)
    default: break
    }
  }

  func closed(_ link: WorkerLink, _ reason: LinkError?, again attempts: Int) {
    guard !isClosed else { return }
    if let reason { lastProblem = "\(reason)" }
    let now = ClientClock.now()
    report { report in core.closed(link.pipe, now, report) }
    quarantined(
      quarantine.lost(now.nanoseconds, using: &generator) { $0.node == link.pipe.node }, .unavailable)
    let delay = client.options.backoff.delay(after: attempts, using: &generator)
    eventLoop.scheduleTask(in: .nanoseconds(delay)) {
      link.mayOpen()
      self.turn()
    }
    turn()
  }
}
