import Client
import Models
import NIOCore
import Wire

/// Sends made-up transactions through a submitter, as many as it takes or at a steady rate. All on one event loop.
final class LoadStream: SubmitterDelegate, @unchecked Sendable {
  struct Counts {
    var at: Int64 = 0
    var decided = 0
    var failed = 0
    var degraded = 0
  }

  /// How far apart the wake-ups of a paced stream are at least, nanoseconds. What falls due in between waits, and the wait
  /// counts.
  static let tick: Int64 = 250_000
  /// Rows under way without a rate.
  static let rowsMax = 8_192

  private let eventLoop: any EventLoop
  private let rate: Double?
  private let isInteractive: Bool
  private var source: LoadSource
  private var records: [UInt8] = []
  private var dues: [Int64] = []
  private var submitter: Submitter?
  private var pacer: Pacer?
  private var timer: Scheduled<Void>?
  private var isStopped = false
  private var drained: EventLoopPromise<Void>?
  private var counts = Counts()
  private var latencies = LatencyRecorder()
  /// Rows due from then on count.
  private var measuredFrom = Int64.max
  /// When each decided row that counts was due, and what it took, nanoseconds; where asked for.
  private(set) var samples: [(due: Int64, latency: Int64)]?

  init(on eventLoop: any EventLoop, prefix: UInt32, cards: Int, rate: Double?, isInteractive: Bool = false, keepsSamples: Bool = false) {
    samples = keepsSamples ? [] : nil
    self.eventLoop = eventLoop
    self.rate = rate
    self.isInteractive = isInteractive
    source = LoadSource(seed: UInt64(prefix), prefix: prefix, cards: cards)
  }

  func start(_ client: ClusterClient) async throws {
    _ = try await client.map()
    try await eventLoop.submit {
      if let rate = self.rate { self.pacer = Pacer(rate: rate, start: ClientClock.nanoseconds()) }
      var options = SubmitOptions()
      // A paced stream takes what is due even when the cluster stands still: the wait must show.
      options.rowsMax = self.rate == nil ? Self.rowsMax : 1 << 22
      options.bytesMax = 1 << 30
      options.isInteractive = self.isInteractive
      let submitter = Submitter(client, on: self.eventLoop, options: options, delegate: self)
      self.submitter = submitter
      self.feed(submitter)
    }.get()
  }

  /// Begins to measure latencies; what is counted so far.
  func mark() async throws -> Counts {
    try await eventLoop.submit {
      self.latencies = LatencyRecorder()
      let now = ClientClock.nanoseconds()
      self.measuredFrom = now
      self.counts.at = now
      return self.counts
    }.get()
  }

  func snapshot() async throws -> Counts {
    try await eventLoop.submit {
      self.counts.at = ClientClock.nanoseconds()
      return self.counts
    }.get()
  }

  /// Sends no more, and waits for every answer that is still to come, so that the slowest count too.
  func finish() async throws -> LatencyRecorder {
    let promise = eventLoop.makePromise(of: Void.self)
    eventLoop.execute {
      self.isStopped = true
      self.timer?.cancel()
      self.drained = promise
      self.settle()
    }
    try await promise.futureResult.get()
    return try await eventLoop.submit {
      self.submitter?.close()
      self.submitter = nil
      return self.latencies
    }.get()
  }

  private func settle() {
    guard isStopped, submitter?.outstanding == 0, let drained else { return }
    self.drained = nil
    drained.succeed()
  }

  // MARK: - Sending

  func submitterIsReady(_ submitter: Submitter) {
    if isStopped { return settle() }
    feed(submitter)
  }

  private func feed(_ submitter: Submitter) {
    guard !isStopped else { return }
    guard pacer != nil else {
      while submitter.canAccept { enqueue(128, submitter) }
      return
    }
    let now = ClientClock.nanoseconds()
    dues.removeAll(keepingCapacity: true)
    while let due = pacer!.take(now) { dues.append(due) }
    if !dues.isEmpty { enqueue(dues.count, submitter) }
    guard timer == nil else { return }
    timer = eventLoop.scheduleTask(in: .nanoseconds(max(pacer!.nextDue - now, Self.tick))) {
      self.timer = nil
      self.feed(submitter)
    }
  }

  private func enqueue(_ count: Int, _ submitter: Submitter) {
    records.removeAll(keepingCapacity: true)
    source.append(count, at: ClientClock.wall(), to: &records)
    let bytes = records
    let length = source.recordLength
    let now = ClientClock.nanoseconds()
    for row in 0..<count {
      let due = pacer == nil ? now : dues[row]
      submitter.enqueue(bytes.span.bytes.extracting(row * length..<(row + 1) * length), tag: UInt64(bitPattern: due), due: due)
    }
  }

  // MARK: - Answers

  func submitter(_ submitter: Submitter, answered row: borrowing RowAnswer) {
    if row.kind == .decided { counts.decided += 1 } else { counts.failed += 1 }
    if row.kind == .decided, row.decision.flags.contains(.degraded) { counts.degraded += 1 }
    let due = Int64(bitPattern: row.tag)
    guard due >= measuredFrom else { return }
    latencies.record(row.kind, nanoseconds: row.latency)
    if row.kind == .decided { samples?.append((due, row.latency)) }
  }

  func submitter(_ submitter: Submitter, quarantined tag: UInt64, failure: FailureCode?) {}
}
