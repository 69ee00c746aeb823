import Wire

/// A batch whose rows belong to several loops or workers: scattered, decided there, and put together again in the rows'
/// order. Clients that route by the cluster map rarely need it. Confined to the loop that got the batch.
final class Gathering: @unchecked Sendable {
  private unowned let loop: WorkerLoop
  private let submit: Submit
  private let source: WorkerLoop.Source
  /// How long another worker's answer is waited for, nanoseconds.
  private let patience: Int64
  /// What is known so far; rows that are under way are to be tried again.
  private(set) var answer: Decisions
  private var open = 1
  private var done: ((Decisions) -> Void)?

  /// `patience` nil: as long as the sender waits.
  init(
    _ loop: WorkerLoop, _ submit: Submit, source: WorkerLoop.Source, patience: Int64? = nil, done: @escaping (Decisions) -> Void
  ) {
    self.loop = loop
    self.submit = submit
    self.source = source
    self.patience = patience ?? Int64(submit.deadlineMilliseconds) * 1_000_000
    self.done = done
    answer = .pending(rowCount: submit.rowCount)
  }

  func reject(_ rejected: [(row: Int, Rejection)]) {
    for (row, rejection) in rejected {
      answer.outcomes[row].status = .rejected
      answer.outcomes[row].failure = nil
      answer.outcomes[row].rejection = rejection
    }
  }

  /// `rows` are grouped by partition. Calls `done` when the last part is back; every part comes back, for each has an end
  /// of its own: a commit, a lost role, a broken link.
  func scatter(_ rows: [RoutedRow], _ payload: RawSpan) {
    var local: [Int: [RoutedRow]] = [:]
    var remote: [NodeID: [RoutedRow]] = [:]
    for row in rows {
      if let home = loop.node.home(of: row.partition, loop.table), home != loop.node.nodeID {
        // A batch that was passed on already is not passed on again.
        if submit.flags.contains(.forwarded) { fail([row], .notPrimary) } else { remote[home, default: []].append(row) }
      } else {
        local[loop.node.loopIndex(of: row.partition), default: []].append(row)
      }
    }
    for (index, rows) in local.sorted(by: { $0.key < $1.key }) { decide(rows, on: index, payload) }
    for (node, rows) in remote.sorted(by: { $0.key < $1.key }) { forward(rows, to: node, payload) }
    finishOne()
  }

  private func decide(_ rows: [RoutedRow], on index: Int, _ payload: RawSpan) {
    open += 1
    let (part, parts, places) = extract(rows, payload)
    let target = loop.node.loops[index]
    let home = loop
    let submit = submit.with(rowCount: parts.count)
    let source = source
    let work: @Sendable () -> Void = {
      target.decidePart(submit, part.span.bytes, parts, source: source) { request in
        let decisions = request.decisions
        home.eventLoop.execute { self.merge(decisions, places) }
      }
    }
    if index == loop.index { work() } else { target.eventLoop.execute(work) }
  }

  private func forward(_ rows: [RoutedRow], to node: NodeID, _ payload: RawSpan) {
    open += 1
    let (part, _, places) = extract(rows, payload)
    var out = WireWriter(capacity: part.count)
    var header = submit.with(rowCount: rows.count)
    header.flags.insert(.forwarded)
    header.write(rows: part.span.bytes, to: &out)
    let partitions = Set(rows.map(\.partition))
    let isInteractive = submit.flags.contains(.interactive)
    loop.peers.forward(out.bytes, to: node, of: partitions, isInteractive: isInteractive, within: patience) { result in
      switch result {
      case .success(let decisions) where decisions.outcomes.count == rows.count: self.merge(decisions, places)
      case .success: self.fail(rows, .internal, finishes: true)
      case .failure(let failure): self.fail(rows, failure.isRetriable ? failure.code : .unavailable, finishes: true)
      }
    }
  }

  /// The rows' bytes on their own, the rows as they lie there, and their places in the batch.
  private func extract(_ rows: [RoutedRow], _ payload: RawSpan) -> (bytes: [UInt8], rows: [RoutedRow], places: [Int]) {
    var bytes: [UInt8] = []
    var moved: [RoutedRow] = []
    for (index, row) in rows.enumerated() {
      let start = bytes.count
      payload.extracting(row.range).withUnsafeBytes { bytes.append(contentsOf: $0) }
      moved.append(RoutedRow(range: start..<bytes.count, key: row.key, index: index, partition: row.partition))
    }
    return (bytes, moved, rows.map(\.index))
  }

  private func merge(_ part: Decisions, _ places: [Int]) {
    answer.merge(part, at: places)
    finishOne()
  }

  private func fail(_ rows: [RoutedRow], _ code: FailureCode, finishes: Bool = false) {
    for row in rows { answer.outcomes[row.index].failure = code }
    if finishes { finishOne() }
  }

  private func finishOne() {
    open -= 1
    guard open == 0 else { return }
    done?(answer)
    done = nil
  }
}

extension Submit {
  func with(rowCount: Int) -> Submit {
    var copy = self
    copy.rowCount = rowCount
    return copy
  }
}
