import Logging
import Models
import NIOCore
import NIOPosix
import Wire

/// What to submit, and how.
public struct SubmitJobOptions: Sendable {
  public var path: String
  /// nil goes by the file's extension, then by its first byte.
  public var format: TransactionTextReader.Format?
  public var mapping = FieldMapping.canonical
  /// The mapping file's text: another one makes another submission.
  public var mappingText = ""
  public var extraFields: [ExtraFieldSpec] = []
  /// Rows a second; nil is as fast as the cluster takes them.
  public var rate: Double?
  /// Where decisions are written to; nil for nowhere.
  public var outputPath: String?
  public var outputFormat: DecisionFormat?
  /// Where progress is kept; nil is beside the file.
  public var progressPath: String?
  /// Starts over where an earlier call had begun or finished.
  public var again = false
  /// How often progress is put on disk, nanoseconds.
  public var saveInterval: Int64 = 1_000_000_000
  public var submit = SubmitOptions()

  public init(path: String) { self.path = path }
}

/// Submits a file: reads it, sends its rows, writes their decisions in the file's order, and keeps its progress on disk, so
/// that the same call after any end goes on where this one stopped. The first row that fails ends the reading; what is
/// under way is still seen through.
///
/// In memory are at most `chunksMax` pieces of the file, and the decisions of rows that wait for one before them.
public final class SubmitJob: SubmitterDelegate, @unchecked Sendable {
  static let chunksMax = 64
  /// How far ahead of what is sent the progress file allows sending.
  static let reserve: Int64 = 32 << 20
  /// Decisions on their way to the disk, at which reading waits.
  static let outputMax = 16 << 20
  static let outputPiece = 256 << 10

  let options: SubmitJobOptions
  let eventLoop: any EventLoop
  let clock: @Sendable () -> ClientTime
  private let files: SubmitFiles
  private let threads: NIOThreadPool
  private let onProgress: (@Sendable (SubmitProgress) -> Void)?

  // All that follows belongs to the event loop, save `file` and `files`, which the one thread has after the beginning.
  private var file: TransactionFile?
  private var submitter: Submitter?
  private var done: EventLoopPromise<SubmitSummary>?
  private var checkpoint: SubmitCheckpoint
  /// What earlier calls may have sent, and when first.
  private var resumed: (reserved: Int64, firstSent: Int64) = (0, 0)
  private var size: Int64 = 0
  private var window = ChunkWindow()
  /// The next row to send: chunk in the window, item.
  private var feedChunk = 0
  private var feedItem = 0
  private var fedEnd: Int64 = 0
  private var isReading = false
  private var isAtEnd = false
  private var isEnding = false
  private var isFinished = false
  private var isSaving = false
  private var isConcluding = false
  private var lines: DecisionLines
  private var pendingOutput: [UInt8] = []
  private var outputUnderWay = 0
  private var outputLength: Int64 = 0
  private var pacer: Pacer?
  private var paceTimer: Scheduled<Void>?
  private var ticker: RepeatedTask?
  private var latencies = LatencyRecorder()
  private var meter = ProgressMeter()
  private var failed = 0
  private var rows = 0
  private var examples: [String] = []
  private var startedAt: Int64 = 0
  private var savedAt: Int64 = 0

  /// Progress is told about five times a second (as often as it is saved, if that is more), on the event loop.
  public init(
    _ options: SubmitJobOptions, on eventLoop: any EventLoop, onProgress: (@Sendable (SubmitProgress) -> Void)? = nil
  ) {
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
      path: options.path, format: options.format, mapping: options.mapping, extraFields: options.extraFields)
    let (size, modified, head) = try file.identity()
    let identity = SubmitCheckpoint.Identity(
      size: size, modified: modified, head: head, format: file.format.rawValue,
      mapping: options.mappingText.isEmpty ? "" : hexadecimalText(sha256(Array(options.mappingText.utf8))),
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
          isComplete: true, wasDone: true, counters: earlier.counters, failed: 0, rows: 0, resent: 0, elapsed: 0,
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

  private func read() {
    guard !isReading, !isAtEnd, !isEnding, window.count < Self.chunksMax, window.count - feedChunk < 2,
      outputUnderWay < Self.outputMax
    else { return }
    isReading = true
    let file = file!
    onThread({ () throws(ClientError) in try file.next() }) { chunk in
      self.isReading = false
      self.isAtEnd = chunk.isLast
      self.window.append(chunk)
      self.feed()
      self.settle()
    }
  }

  /// Sends what may be sent now.
  private func feed() {
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

  // MARK: - Answers

  public func submitterIsReady(_ submitter: Submitter) {
    advance()
    feed()
    settle()
  }

  public func submitter(_ submitter: Submitter, answered row: borrowing RowAnswer) {
    let (chunk, index) = window.locate(row.tag)
    latencies.record(row.kind, nanoseconds: row.latency)
    rows += 1
    let keeps = options.outputPath != nil
    switch row.kind {
    case .decided, .alreadyDecided:
      let outcome: SubmitChunk.Outcome = row.kind == .decided ? .decided : .alreadyDecided
      chunk.answer(index) { answer in
        answer.outcome = outcome
        answer.decision = row.decision
        guard keeps else { return }
        answer.partition = row.partition
        answer.offset = row.offset
        answer.bundle = UInt8(row.bundle)
        answer.tables = row.tables
        answer.time = row.answeredAt
      }
      if keeps { chunk.keepFeatures(row.features, of: index) }
    case .rejected:
      let rejection = row.rejection ?? Rejection(.malformed, "refused")
      chunk.answer(index) { answer in
        answer.outcome = .rejected
        answer.reason = rejection.reason
      }
      note(rejection, chunk.items[index].line)
    case .failed:
      failed += 1
      chunk.answer(index) { $0.outcome = .failed }
      note("line \(chunk.items[index].line): not decided (\((row.failure ?? .unavailable).name), sent \(row.attempts) times)")
      isEnding = true
    }
  }

  public func submitter(_ submitter: Submitter, quarantined tag: UInt64, failure: FailureCode?) {
    let (chunk, index) = window.locate(tag)
    rows += 1
    guard let failure else { return chunk.answer(index) { $0.outcome = .quarantined } }
    failed += 1
    chunk.answer(index) { $0.outcome = .failed }
    note("line \(chunk.items[index].line): not put into the quarantine (\(failure.name))")
    isEnding = true
  }

  /// Counts and writes the rows whose turn it is: those with an outcome before which every row has one.
  private func advance() {
    let dropped = window.advance { chunk, index in
      let item = chunk.items[index]
      let answer = chunk.answers[index]
      checkpoint.offset = item.end
      checkpoint.line = item.line + 1
      switch answer.outcome {
      case .decided, .alreadyDecided:
        if answer.outcome == .decided { checkpoint.counters.decided += 1 } else { checkpoint.counters.alreadyDecided += 1 }
        if answer.decision.verdict == .potentialFraud { checkpoint.counters.alerts += 1 }
        if options.outputPath != nil { lines.append(chunk, index, to: &pendingOutput) }
      case .quarantined: checkpoint.counters.quarantined += 1
      case .rejected: checkpoint.counters.rejected[answer.reason.code, default: 0] += 1
      case .open, .failed: preconditionFailure("only outcomes are told")
      }
    }
    if dropped > feedChunk {
      // The one that was being fed is through, too.
      feedChunk = 0
      feedItem = 0
    } else {
      feedChunk -= dropped
    }
    if pendingOutput.count >= Self.outputPiece { writeOutput() }
  }

  private func note(_ rejection: Rejection, _ line: Int) { note("line \(line): \(rejection)") }

  private func note(_ text: String) {
    if examples.count < SubmitSummary.examplesMax { examples.append(text) }
  }

  // MARK: - Files

  /// Runs `body` on the thread, behind what it was given before, and `then` on the loop.
  private func onThread<R: Sendable>(_ body: @escaping @Sendable () throws(ClientError) -> R, then: @escaping (R) -> Void) {
    let box = UncheckedBox(then)
    threads.submit { state in
      guard case .active = state else { return }
      let result = Result { () throws(ClientError) in try body() }
      self.eventLoop.execute {
        guard !self.isFinished else { return }
        switch result {
        case .success(let value): box.value(value)
        case .failure(let error): self.finish(.failure(error))
        }
      }
    }
  }

  private func writeOutput() {
    guard !pendingOutput.isEmpty else { return }
    let piece = pendingOutput
    pendingOutput = []
    outputUnderWay += piece.count
    outputLength += Int64(piece.count)
    onThread({ [files] () throws(ClientError) in try files.append(piece) }) {
      self.outputUnderWay -= piece.count
      self.read()
    }
  }

  /// Puts the present state on disk; one save at a time.
  private func save() {
    precondition(!isSaving, "one save at a time")
    writeOutput()
    checkpoint.outputLength = outputLength
    checkpoint.firstSent = window.first?.firstSent ?? clock().wall
    if checkpoint.offset < resumed.reserved { checkpoint.firstSent = min(checkpoint.firstSent, resumed.firstSent) }
    var next = checkpoint
    next.reserved = max(checkpoint.reserved, fedEnd + Self.reserve)
    isSaving = true
    onThread({ [files, next] () throws(ClientError) in try files.save(next) }) {
      self.isSaving = false
      // Only now that it is on disk.
      self.checkpoint.reserved = max(self.checkpoint.reserved, next.reserved)
      if self.isConcluding { return self.publish() }
      self.feed()
      self.settle()
    }
  }

  private func tick() {
    advance()
    let now = clock().nanoseconds
    meter.add(now, rows: rows, bytes: checkpoint.offset)
    if let onProgress { onProgress(meter.progress(bytesTotal: size, problem: submitter?.lastProblem)) }
    if now - savedAt >= options.saveInterval, !isSaving {
      savedAt = now
      save()
    }
    feed()
    settle()
  }

  // MARK: - The end

  /// Ends the job when nothing is under way any more.
  private func settle() {
    guard let submitter, !isConcluding, submitter.outstanding == 0, !isReading, !isSaving else { return }
    advance()
    let isComplete = isAtEnd && window.count == 0
    guard isComplete || isEnding else { return }
    isConcluding = true
    isEnding = true
    ticker?.cancel()
    paceTimer?.cancel()
    checkpoint.isComplete = isComplete
    save()
  }

  /// The last progress is on disk.
  private func publish() {
    let isComplete = checkpoint.isComplete
    onThread({ [files] () throws(ClientError) in if isComplete { try files.publishOutput() } }) {
      self.finish(.success(self.summary(isComplete)))
    }
  }

  private func summary(_ isComplete: Bool) -> SubmitSummary {
    let elapsed = Double(clock().nanoseconds - startedAt) / 1e9
    return SubmitSummary(
      isComplete: isComplete, wasDone: false, counters: checkpoint.counters, failed: failed, rows: rows,
      resent: submitter?.resent ?? 0, elapsed: elapsed, nextLine: checkpoint.line, latency: latencies.summary(.decided),
      examples: examples, problem: failed > 0 ? submitter?.lastProblem : nil)
  }

  private func finish(_ result: Result<SubmitSummary, ClientError>) {
    guard !isFinished else { return }
    isFinished = true
    ticker?.cancel()
    paceTimer?.cancel()
    submitter?.close()
    switch result {
    case .success(let summary): done?.succeed(summary)
    case .failure(let error): done?.fail(error)
    }
    done = nil
  }
}

/// A closure of the event loop, carried through the thread.
private struct UncheckedBox<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
