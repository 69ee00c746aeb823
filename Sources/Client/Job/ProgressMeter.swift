/// The pace of late, from samples taken a few times a second.
struct ProgressMeter {
  private struct Sample {
    var at: Int64
    var rows: Int
    var bytes: Int64
  }

  /// Nanoseconds that the pace is taken over.
  private static let span: Int64 = 5_000_000_000

  private var samples: [Sample] = []

  mutating func add(_ now: Int64, rows: Int, bytes: Int64) {
    samples.append(Sample(at: now, rows: rows, bytes: bytes))
    while samples.count > 2, samples[1].at <= now - Self.span { samples.removeFirst() }
  }

  /// `problem` is told only while nothing moves.
  func progress(bytesTotal: Int64, problem: String?) -> SubmitProgress {
    guard let first = samples.first, let last = samples.last else {
      return SubmitProgress(bytesDone: 0, bytesTotal: bytesTotal, rows: 0, rate: 0, secondsLeft: nil, problem: problem)
    }
    let elapsed = Double(last.at - first.at) / 1e9
    let rate = elapsed > 0 ? Double(last.rows - first.rows) / elapsed : 0
    let bytesRate = elapsed > 0 ? Double(last.bytes - first.bytes) / elapsed : 0
    return SubmitProgress(
      bytesDone: last.bytes, bytesTotal: bytesTotal, rows: last.rows, rate: rate,
      secondsLeft: bytesRate > 0 ? Double(bytesTotal - last.bytes) / bytesRate : nil, problem: rate > 0 ? nil : problem)
  }
}
