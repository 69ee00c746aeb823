import Models
import Synchronization
import Wire

/// Turns committed records into lines for the outbox, on a thread of its own: event loops hand over records and go on.
final class DecisionSinks: Sendable {
  private struct State {
    var records: [HeldRecord] = []
    var closing = false
    /// Somebody waits for everything handed over.
    var isFlushing = false
    /// Who waits for everything handed over so far to stand in closed files.
    var rotations: [Outbox.Completion] = []
    var thread: BlockingThread?
  }

  /// Bytes of records handed over and not yet turned into lines at which `isFull` turns true.
  private static let bytesMax = 64 * 1024 * 1024
  /// How long records gather before they become lines, in ns. Files are closed every few seconds, so nobody misses the
  /// time; two threads are woken a hundred times a second instead of once a group commit.
  private static let gatherTime: UInt64 = 10_000_000

  let outbox: Outbox
  private let withFeatures: Bool
  private let bundle: @Sendable (BundleID) -> Bundle?
  private let state = Monitor(State())
  private let queued = Atomic<Int>(0)

  init(outbox: Outbox, withFeatures: Bool, bundle: @escaping @Sendable (BundleID) -> Bundle?) {
    self.outbox = outbox
    self.withFeatures = withFeatures
    self.bundle = bundle
    let thread = BlockingThread(name: "assay-sinks") { [unowned self] in run() }
    state.withLock { $0.thread = thread }
  }

  var isFull: Bool { outbox.isFull || queued.load(ordering: .relaxed) > Self.bytesMax }
  /// Refuse also what somebody waits for.
  var isOverfull: Bool { outbox.isOverfull || queued.load(ordering: .relaxed) > Self.bytesMax * 3 / 2 }

  func deliver(_ deliveries: [ShardOutput.Delivery]) {
    var bytes = 0
    for delivery in deliveries { bytes += delivery.record.range.count }
    queued.add(bytes, ordering: .relaxed)
    let wasEmpty = state.withLock { state in
      defer { for delivery in deliveries { state.records.append(delivery.record) } }
      return state.records.isEmpty
    }
    if wasEmpty { state.wake() }
  }

  /// Whole lines. `done` is called, on the outbox's thread, once they are on disk.
  func quarantine(_ lines: [UInt8], done: (@Sendable (OutboxError?) -> Void)?) {
    guard !lines.isEmpty else { return done?(nil) ?? () }
    lines.withUnsafeBytes { outbox.quarantine($0) { done?($0) } }
  }

  /// Turns everything handed over into lines, and closes the outbox. Blocks.
  func close() {
    let thread = state.change { state in
      state.closing = true
      defer { state.thread = nil }
      return state.thread
    }
    outbox.wakeWaiters()
    thread?.join()
    outbox.close()
  }

  /// Puts everything handed over so far into closed files, by one rotation. `done` is called on the outbox's thread.
  func rotate(_ done: @escaping Outbox.Completion) { state.change { $0.rotations.append(done) } }

  /// Waits until everything handed over so far stands in closed files. Blocks.
  func flush() {
    state.change { $0.isFlushing = true }
    _ = state.wait { _ in queued.load(ordering: .acquiring) == 0 ? true : nil }
    state.withLock { $0.isFlushing = false }
    let done = Monitor(false)
    outbox.rotateNow { _ in done.change { $0 = true } }
    _ = done.wait { $0 ? true : nil }
  }

  private func run() {
    var writer = DecisionLines(withFeatures: withFeatures, bundle: bundle)
    while let (records, rotations) = next() {
      var bytes = 0
      for held in records {
        // Lines may be longer than their records: the outbox's bound is kept by itself.
        outbox.waitForRoom { state.withLock { $0.closing } }
        // Closing on a full disk: what is not in closed files is emitted again after the next start.
        if !outbox.isFull { writer.emit(held, to: outbox) }
        bytes += held.range.count
      }
      queued.subtract(bytes, ordering: .releasing)
      state.wake()
      for done in rotations { outbox.rotateNow(done) }
    }
  }

  /// What has gathered, and who waits for it to stand in closed files; nil at the end.
  private func next() -> (records: [HeldRecord], rotations: [Outbox.Completion])? {
    let isThere = state.wait { state in state.records.isEmpty && state.rotations.isEmpty ? (state.closing ? false : nil) : true }
    guard isThere == true else { return nil }
    _ = state.wait(until: monotonicNanoseconds() + Self.gatherTime) { state in
      state.closing || state.isFlushing || !state.rotations.isEmpty ? true : nil
    }
    return state.withLock { state in
      defer {
        state.records = []
        state.rotations = []
      }
      return (state.records, state.rotations)
    }
  }
}

/// Lines of one record's decisions, and of the alerts among them.
struct DecisionLines {
  private let withFeatures: Bool
  private let bundle: @Sendable (BundleID) -> Bundle?
  private var texts: [BundleID: DecisionText] = [:]
  private var decisions: [UInt8] = []
  private var alerts: [UInt8] = []
  private var ranges: [Range<Int>] = []
  private var features: [Double] = []

  init(withFeatures: Bool, bundle: @escaping @Sendable (BundleID) -> Bundle?) {
    self.withFeatures = withFeatures
    self.bundle = bundle
  }

  mutating func emit(_ held: HeldRecord, to outbox: Outbox) {
    decisions.removeAll(keepingCapacity: true)
    alerts.removeAll(keepingCapacity: true)
    held.chunk.withRecord(held.range) { record in
      let payload = RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: record[LogRecord.headerSize...]))
      // The record was applied before it got here: it can be read.
      if held.header.kind == .decidedLater {
        guard let late = try? LateDecisions(reading: payload) else { return }
        append(late.batch, held.header) { late.offset($0) }
      } else {
        guard let batch = try? DecidedBatch(reading: payload, rowCount: held.header.count) else { return }
        append(batch, held.header) { held.header.baseOffset + $0 }
      }
    }
    decisions.withUnsafeBytes { decisions in
      alerts.withUnsafeBytes { alerts in
        _ = outbox.emit(
          held.header.partition, from: held.header.baseOffset, end: held.header.endOffset, decisions: decisions, alerts: alerts)
      }
    }
  }

  private mutating func append(_ batch: borrowing DecidedBatch, _ header: LogRecord, offset: (Int) -> Offset) {
    guard let text = text(batch.bundle) else { return }
    ranges.removeAll(keepingCapacity: true)
    guard (try? batch.locateTransactions(into: &ranges)) != nil else { return }
    Self.append(
      batch, header, text, bundle(batch.bundle), ranges, offset: offset, withFeatures: withFeatures, features: &features,
      decisions: &decisions, alerts: &alerts)
  }

  /// The parts are apart, so that fields may borrow the features while lines are added.
  private static func append(
    _ batch: borrowing DecidedBatch, _ header: LogRecord, _ text: DecisionText, _ bundle: Bundle?, _ ranges: [Range<Int>],
    offset: (Int) -> Offset, withFeatures: Bool, features: inout [Double], decisions: inout [UInt8], alerts: inout [UInt8]
  ) {
    for row in 0..<batch.rowCount {
      guard let decision = batch.decision(row) else { continue }
      let transaction = batch.transaction(ranges[row])
      let isAlert = decision.verdict == .potentialFraud
      let plain = DecisionFields(
        transactionID: transaction.id, card: transaction.card, partition: header.partition, offset: offset(row),
        eventTime: transaction.eventTime, decidedTime: header.loggedTime, decision: decision, listVersion: batch.listVersion)
      if !withFeatures { text.appendJSON(plain, to: &decisions) }
      guard withFeatures || isAlert else { continue }
      features.removeAll(keepingCapacity: true)
      batch.features(row).withUnsafeBytes { raw in
        for i in 0..<batch.featureCount { features.append(raw.loadUnaligned(fromByteOffset: i * 8, as: Double.self)) }
      }
      let full = DecisionFields(
        transactionID: transaction.id, card: transaction.card, partition: header.partition, offset: offset(row),
        eventTime: transaction.eventTime, decidedTime: header.loggedTime, decision: decision, listVersion: batch.listVersion,
        features: features.span)
      if withFeatures { text.appendJSON(full, to: &decisions) }
      guard isAlert else { continue }
      text.appendJSON(full, to: &alerts)
      transaction.bytes.withUnsafeBytes { record in
        features.withUnsafeBufferPointer { bundle?.appendReasonTexts(of: decision, record, row: $0, toLine: &alerts) }
      }
    }
  }

  private mutating func text(_ id: BundleID) -> DecisionText? {
    if let known = texts[id] { return known }
    guard let bundle = bundle(id) else { return nil }
    let text = DecisionText(bundle: id, reasons: bundle.reasonCodes, features: bundle.features.names)
    texts[id] = text
    return text
  }
}
