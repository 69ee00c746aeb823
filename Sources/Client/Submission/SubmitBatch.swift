import Wire

/// Rows on their way together: first filling a frame, then in flight, then perhaps waiting to be sent again. Their bytes
/// stay here until each has its answer. Reused.
final class SubmitBatch {
  struct Row {
    var tag: UInt64
    var key: KeyHash
    /// Latency counts from here, nanoseconds.
    var start: Int64
    /// Nanoseconds.
    var giveUpAt: Int64
    /// Wall clock of the first time it was sent, ms; `neverSent` before.
    var firstSent: Int64
    var offset: UInt32
    var length: UInt16
    /// How often it was sent.
    var attempts: UInt16 = 0
    /// May have been sent before this process began.
    var isResumed: Bool
    /// Why it was not decided the last time.
    var failure = FailureCode.unavailable
    /// Reported; goes with the next `filter`.
    var isSettled = false

    /// Of its record in the batch's bytes.
    var range: Range<Int> { Int(offset)..<Int(offset) + Int(length) }

    static var neverSent: Int64 { .max }
  }

  private(set) var bytes: [UInt8] = []
  private(set) var rows: [Row] = []
  var correlation: UInt64 = 0
  /// In flight, the map by which it was sent.
  var map = MapVersion.none
  /// Nanoseconds: filling, when it leaves at the latest; in flight, when it is given up; waiting, when it is sent again.
  var due: Int64 = 0
  /// In flight, when it was sent; nanoseconds.
  private(set) var sentAt = Int64.min
  /// No row has to be given up before.
  private(set) var giveUpAt = Int64.max
  /// Lower and upper bound of the rows' first-sent times; a row never sent counts with the time it was added at.
  private var firstSent: ClosedRange<Int64> = 0...0

  /// Whether the row may join: the frame has room, and it is of about the same age.
  func takes(_ row: Row, _ wall: Int64, rowsMax: Int) -> Bool {
    guard !rows.isEmpty else { return true }
    guard rows.count < rowsMax, bytes.count + Int(row.length) <= SubmitOptions.frameBytesMax else { return false }
    let time = min(row.firstSent, wall)
    let spread = SubmitOptions.firstSentSpread
    return time >= firstSent.upperBound - spread && time <= firstSent.lowerBound + spread
  }

  func append(_ row: Row, _ record: UnsafeRawBufferPointer, _ wall: Int64) {
    let time = min(row.firstSent, wall)
    firstSent = rows.isEmpty ? time...time : min(time, firstSent.lowerBound)...max(time, firstSent.upperBound)
    giveUpAt = min(giveUpAt, row.giveUpAt)
    var row = row
    row.offset = UInt32(bytes.count)
    bytes.append(contentsOf: record)
    rows.append(row)
  }

  /// The rows leave in a frame; its header. `retries` counts those that had been sent before.
  func send(_ options: SubmitOptions, correlation: UInt64, _ now: ClientTime, retries: inout SubmitRetries) -> Submit {
    self.correlation = correlation
    sentAt = now.nanoseconds
    due = min(now.nanoseconds + options.requestTimeout, max(giveUpAt, now.nanoseconds + 1))
    var oldest = Int64.max
    for index in rows.indices {
      if rows[index].attempts > 0 { retries.sentAgain(rows[index].failure, 1) }
      rows[index].attempts = min(rows[index].attempts, .max - 1) + 1
      if rows[index].firstSent == Row.neverSent { rows[index].firstSent = now.wall }
      oldest = min(oldest, rows[index].firstSent)
    }
    var flags: Submit.Flags = []
    if options.withFeatures { flags.insert(.withFeatures) }
    if options.isInteractive { flags.insert(.interactive) }
    if options.isOfLabels { flags.insert(.labels) }
    let wait = (due - now.nanoseconds) / 1_000_000
    return Submit(
      firstSent: oldest, deadlineMilliseconds: UInt32(clamping: max(wait, 1)), flags: flags, rowCount: rows.count)
  }

  /// Keeps the rows for which `keep` says true; their bytes stay where they are.
  func filter(_ keep: (inout Row) -> Bool) {
    var kept = 0
    giveUpAt = .max
    for index in rows.indices where keep(&rows[index]) {
      if kept != index { rows[kept] = rows[index] }
      giveUpAt = min(giveUpAt, rows[kept].giveUpAt)
      kept += 1
    }
    rows.removeLast(rows.count - kept)
  }

  /// The frame's payload.
  func write(_ submit: Submit, to out: inout WireWriter) {
    let rows = bytes
    submit.write(rows: rows.span.bytes, to: &out)
  }

  func settle(at index: Int) { rows[index].isSettled = true }

  func fail(at index: Int, _ code: FailureCode) { rows[index].failure = code }

  /// Sets why the rows from `index` on were not decided.
  func fail(from index: Int = 0, _ code: FailureCode) {
    for index in index..<rows.count { rows[index].failure = code }
  }

  func reset() {
    bytes.removeAll(keepingCapacity: true)
    rows.removeAll(keepingCapacity: true)
    correlation = 0
    due = 0
    giveUpAt = .max
  }
}
