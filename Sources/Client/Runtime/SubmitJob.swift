import Logging
import Models
import NIOCore
import NIOPosix
import Wire

/// Submits a file: reads it, sends its rows, writes their decisions in the file's order, and keeps its progress on disk, so
/// that the same call after any end goes on where this one stopped. The first row that fails ends the reading; what is
/// under way is still seen through.
///
/// In memory are at most `chunksMax` pieces of the file, and the decisions of rows that wait for one before them.
public final class SubmitJob: @unchecked Sendable {
  static let chunksMax = 64
  /// How far ahead of what is sent the progress file allows sending.
  static let reserve: Int64 = 32 << 20
  /// Decisions on their way to the disk, at which reading waits.
  static let outputMax = 16 << 20
  static let outputPiece = 256 << 10

  let options: SubmitJobOptions
  let eventLoop: any EventLoop
  let clock: @Sendable () -> ClientTime
  let files: SubmitFiles
  let threads: NIOThreadPool
  let onProgress: (@Sendable (SubmitProgress) -> Void)?

  // All that follows belongs to the event loop, save `file` and `files`, which the one thread has after the beginning.
  var file: TransactionFile?
  var submitter: Submitter?
  var done: EventLoopPromise<SubmitSummary>?
  var checkpoint: SubmitCheckpoint
  /// What earlier calls may have sent, and when first.
  var resumed: (reserved: Int64, firstSent: Int64) = (0, 0)
  var size: Int64 = 0
  var window = ChunkWindow()
  /// The next row to send: chunk in the window, item.
  var feedChunk = 0
  var feedItem = 0
  var fedEnd: Int64 = 0
  var isReading = false
  var isAtEnd = false
  var isEnding = false
  var isFinished = false
  var isSaving = false
  var isConcluding = false
  var lines: DecisionLines
  var pendingOutput: [UInt8] = []
  var outputUnderWay = 0
  var outputLength: Int64 = 0
  var pacer: Pacer?
  var paceTimer: Scheduled<Void>?
  var ticker: RepeatedTask?
  var latencies = LatencyRecorder()
  var meter = ProgressMeter()
  var failed = 0
  var rows = 0
  var examples: [String] = []
  /// Keys or columns that no field has, and in how many rows of this call.
  var unknown: [String: Int] = [:]
  var startedAt: Int64 = 0
  var savedAt: Int64 = 0

  /// Progress is told about five times a second (as often as it is saved, if that is more), on the event loop.
  public init(
    _ options: SubmitJobOptions, on eventLoop: any EventLoop, onProgress: (@Sendable (SubmitProgress) -> Void)? = nil
  ) {
    var options = options
    options.submit.isOfLabels = options.labels != nil
    self.options = options
    self.eventLoop = eventLoop
    self.onProgress = onProgress
    clock = { ClientClock.now() }
    threads = NIOThreadPool(numberOfThreads: 1)
    files = SubmitFiles(
      progressPath: options.progressPath ?? options.path + ".assay-progress", outputPath: options.outputPath)
    lines = DecisionLines(options.outputFormat ?? options.outputPath.map(DecisionFormat.init(path:)) ?? .ndjson)
    let none = SubmitCheckpoint.Identity(
      size: 0, modified: 0, head: "", format: "", mapping: "", cluster: "", output: "", withFeatures: false)
    checkpoint = SubmitCheckpoint(none, now: 0)
  }

  /// Submits the file to `cluster`'s workers by way of `client`, and returns when every row has an outcome or the rest must
  /// wait for another call. Once only. Throws before anything is sent, or when a file can't be written.
  public func run(_ client: ClusterClient, cluster: ClusterID) async throws -> SubmitSummary {
    threads.start()
    defer { threads.shutdownGracefully { _ in } }
    let earlier = try await threads.runIfActive { try self.prepare(cluster) }
    if let summary = earlier { return summary }
    let promise = eventLoop.makePromise(of: SubmitSummary.self)
    eventLoop.execute {
      self.done = promise
      self.begin(client)
    }
    return try await promise.futureResult.get()
  }

  /// Ends early: what is under way is still seen through, and the progress kept. From any thread.
  public func stop() {
    eventLoop.execute {
      self.isEnding = true
      self.settle()
    }
  }

  // MARK: - Beginning

  /// Opens the files. A summary, if an earlier call has done it all.
  private func prepare(_ cluster: ClusterID) throws(ClientError) -> SubmitSummary? {
    let file = try TransactionFile(
      path: options.path, format: options.format, mapping: options.mapping, extraFields: options.extraFields, labels: options.labels)
    let (size, modified, head) = try file.identity()
    let identity = SubmitCheckpoint.Identity(
      size: size, modified: modified, head: head, format: file.format.rawValue,
      mapping: options.definitionText.isEmpty ? "" : hexadecimalText(sha256(Array(options.definitionText.utf8))),
      cluster: "\(cluster)", output: options.outputPath.map(absolutePath) ?? "", withFeatures: options.submit.withFeatures)
    var checkpoint = SubmitCheckpoint(identity, now: clock().wall)
    if !options.again, let earlier = try files.load() {
      if let mismatch = earlier.mismatch(identity) {
        throw .usage(
          "\(options.path) was submitted before, but \(mismatch): give --again to start over; what the cluster has "
            + "decided already it does not decide again")
      }
      if earlier.isComplete {
        try files.finishPublishing()
        return SubmitSummary(
          isComplete: true, wasDone: true, counters: earlier.counters, failed: 0, rows: 0, resent: 0, retries: SubmitRetries(),
          elapsed: 0,
          nextLine: earlier.line, latency: nil, examples: [], problem: nil)
      }
      checkpoint = earlier
      resumed = (earlier.reserved, earlier.firstSent)
      try file.seek(to: earlier.offset, line: earlier.line)
    }
    outputLength = try files.openOutput(length: checkpoint.outputLength, header: lines.header)
    checkpoint.outputLength = outputLength
    fedEnd = checkpoint.offset
    self.checkpoint = checkpoint
    self.file = file
    self.size = size
    return nil
  }

  private func begin(_ client: ClusterClient) {
    let now = clock()
    startedAt = now.nanoseconds
    savedAt = now.nanoseconds
    submitter = Submitter(client, on: eventLoop, options: options.submit, delegate: self)
    if let rate = options.rate { pacer = Pacer(rate: rate, start: now.nanoseconds) }
    let pace = TimeAmount.nanoseconds(min(options.saveInterval, 200_000_000))
    ticker = eventLoop.scheduleRepeatedTask(initialDelay: pace, delay: pace) { _ in self.tick() }
    // Nothing may be sent before the progress file allows it.
    save()
    read()
  }

  // MARK: - Reading and sending

  func read() {
    guard !isReading, !isAtEnd, !isEnding, window.count < Self.chunksMax, window.count - feedChunk < 2,
      outputUnderWay < Self.outputMax
    else { return }
    isReading = true
    let file = file!
    onThread({ () throws(ClientError) in try file.next() }) { chunk in
      self.isReading = false
      self.isAtEnd = chunk.isLast
      self.window.append(chunk)
      self.unknown.merge(chunk.unknown, uniquingKeysWith: +)
      self.feed()
      self.settle()
    }
  }

  /// Sends what may be sent now.
  func feed() {
    guard let submitter, !isEnding, !isFinished else { return }
    let now = clock()
    while feedChunk < window.count, submitter.canAccept {
      let chunk = window[feedChunk]
      guard feedItem < chunk.items.count else {
        feedChunk += 1
        feedItem = 0
        continue
      }
      let item = chunk.items[feedItem]
      // A save that is on its way, or the one below, allows more.
      guard item.end <= checkpoint.reserved else { break }
      var due = now.nanoseconds
      if pacer != nil {
        guard let next = pacer!.take(now.nanoseconds) else {
          wait(until: pacer!.nextDue, now.nanoseconds)
          break
        }
        due = next
      }
      send(chunk, feedItem, due: due, now, submitter)
      feedItem += 1
      fedEnd = item.end
    }
    if fedEnd + Self.reserve / 2 > checkpoint.reserved, checkpoint.reserved < size, !isSaving { save() }
    read()
  }

  private func send(_ chunk: SubmitChunk, _ index: Int, due: Int64, _ now: ClientTime, _ submitter: Submitter) {
    let item = chunk.items[index]
    let firstSent = item.end <= resumed.reserved ? resumed.firstSent : nil
    chunk.firstSent = min(chunk.firstSent ?? .max, firstSent ?? now.wall)
    guard item.isUnreadable else {
      chunk.withRecord(index) { submitter.enqueue($0, tag: chunk.tag(index), due: due, firstSent: firstSent) }
      return
    }
    let line = chunk.unreadable[Int(item.start)]
    note(line.rejection, item.line)
    let name = options.path.split(separator: "/").last.map(String.init) ?? options.path
    submitter.quarantine(
      Quarantine.Record(
        rejection: line.rejection, source: "submit:\(String(decoding: name.utf8.prefix(255), as: UTF8.self)):\(item.line)",
        excerpt: line.excerpt), tag: chunk.tag(index))
  }

  private func wait(until due: Int64, _ now: Int64) {
    guard paceTimer == nil else { return }
    paceTimer = eventLoop.scheduleTask(in: .nanoseconds(max(due - now, 50_000))) {
      self.paceTimer = nil
      self.feed()
    }
  }
}
