import Wire

/// Under which version of the lists' hot items each entry of a dedup table was decided: a retry's answer names it as the first one did.
///
/// Versions change seldom, so it is kept by runs of entries that follow one another, 16 bytes a run, and nothing at all while there never
/// was an item. What lies before the first run is of version 0.
struct ListVersionRuns: Sendable {
  struct Run: Equatable, Sendable {
    /// Sequence number of its first entry.
    var start: UInt64
    var version: UInt64
  }

  private var runs: [Run] = []

  var isEmpty: Bool { runs.isEmpty }
  var memoryBytes: Int { runs.count * MemoryLayout<Run>.stride }

  subscript(sequence: UInt64) -> UInt64 { covering(sequence).map { runs[$0].version } ?? 0 }

  /// The last run that begins at or before `sequence`.
  private func covering(_ sequence: UInt64) -> Int? {
    var (low, high) = (0, runs.count)
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].start <= sequence { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? nil : low - 1
  }

  /// The version of a new entry, behind all others.
  @inline(__always) mutating func append(_ sequence: UInt64, _ version: UInt64) {
    if version != runs.last?.version ?? 0 { runs.append(Run(start: sequence, version: version)) }
  }

  /// Whether `run` begins behind the last one, with another version.
  func follows(_ run: Run) -> Bool {
    guard let last = runs.last else { return run.version != 0 }
    return run.start > last.start && run.version != last.version
  }

  /// Another version for one entry; `end` is behind the last one.
  mutating func set(_ sequence: UInt64, _ version: UInt64, end: UInt64) {
    guard self[sequence] != version else { return }
    let before = sequence == 0 ? 0 : self[sequence - 1]
    let after = sequence + 1 < end ? self[sequence + 1] : nil
    runs.removeAll { $0.start == sequence || $0.start == sequence + 1 }
    var new: [Run] = []
    if version != before { new.append(Run(start: sequence, version: version)) }
    if let after, after != version { new.append(Run(start: sequence + 1, version: after)) }
    runs.insert(contentsOf: new, at: covering(sequence).map { $0 + 1 } ?? 0)
  }

  /// Entries before `head` are gone. Runs go in bulk, once half of them are of no use.
  mutating func expire(before head: UInt64) {
    guard runs.count >= 32, runs[runs.count / 2].start <= head, let first = covering(head) else { return }
    runs.removeFirst(first)
  }

  /// The runs of the entries from `head` up to `tail`, counted from `head` on: the same for all that say the same (R14).
  func relative(from head: UInt64, to tail: UInt64) -> [Run] {
    var all: [Run] = []
    for run in runs where run.start < tail {
      let start = run.start > head ? run.start - head : 0
      if all.last?.start == start { all.removeLast() }
      if run.version != all.last?.version ?? 0 { all.append(Run(start: start, version: run.version)) }
    }
    return all
  }
}

/// A part of a dedup table's runs as a snapshot has them.
///
/// ```
/// u32 runs, each u64 number of its first entry, counted from the oldest one, then u64 version; both differ from the run before
/// ```
struct ListVersionsPart: WireValue {
  static let runsMax = 16_384

  var runs: [ListVersionRuns.Run]

  init(_ runs: [ListVersionRuns.Run]) { self.runs = runs }

  /// One a block.
  static func parts(_ runs: [ListVersionRuns.Run]) -> [ListVersionsPart] {
    stride(from: 0, to: runs.count, by: runsMax).map { ListVersionsPart(Array(runs[$0..<min(runs.count, $0 + runsMax)])) }
  }

  func write(to out: inout WireWriter) {
    out.write(UInt32(runs.count))
    for run in runs {
      out.write(run.start)
      out.write(run.version)
    }
  }

  init(from reader: inout WireReader) throws(WireError) {
    runs = []
    for _ in 0..<(try reader.readCount(itemSize: 16, limit: Self.runsMax)) {
      runs.append(.init(start: try reader.read(UInt64.self), version: try reader.read(UInt64.self)))
    }
  }
}
