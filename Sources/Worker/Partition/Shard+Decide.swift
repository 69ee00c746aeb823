import Models
import Wire

/// Buffers of one call to `decide`, reused. A class, so that its parts may be accessed side by side.
final class DecideWork {
  var matrix: [Double] = []
  var flags: [Decision.Flags] = []
  var decisions: [Decision] = []
  var fresh: [FreshRow] = []
  var runs: [Run] = []
  var joins: [JoinedRow] = []
  /// Cards whose state is brought near the processor together.
  var ahead: [KeyHash] = []
  var decider = Decider()
  /// Of the runs whose partitions have hot items, by their rows in the call to the model.
  var hot: [(rows: Range<Int>, lists: HotLists)] = []

  /// More cards at once would push each other out of the cache again.
  static let aheadMax = 32

  /// A row that is decided now.
  struct FreshRow {
    var range: Range<Int>
    var index: Int
    var dedup: UInt64
  }

  /// A row that repeats one of the same batch.
  struct JoinedRow {
    var index: Int
    var fresh: Int
  }

  /// Fresh rows of one partition, side by side in the matrix.
  struct Run {
    var partition: Partition
    var bundle: Bundle
    var first: Int
    var count: Int
    var transactionBytes: Int
    var loggedTime: Int64
    /// Of the hot items that it is decided under.
    var listVersion: UInt64
  }
}

extension Shard {
  /// Decides the rows of one `Submit` that fall into partitions of this shard. `rows` are grouped by partition, in the
  /// order of arrival within one, and have passed the schema. The request completes (through `output.completed`) when
  /// everything it depends on has committed. `rejected` are the rows that have not passed.
  @discardableResult
  public func decide(
    _ payload: RawSpan, rows: [RoutedRow], rejected: [(row: Int, Rejection)], rowCount: Int, firstSent: Int64, withFeatures: Bool,
    token: UInt64, now: Int64
  ) -> RequestID {
    let id = beginRequest(token: token, rows: rowCount, withFeatures: withFeatures)
    let request = request(id)
    for (row, rejection) in rejected { request.reject(row, rejection) }
    work.flags.removeAll(keepingCapacity: true)
    work.decisions.removeAll(keepingCapacity: true)
    work.fresh.removeAll(keepingCapacity: true)
    work.runs.removeAll(keepingCapacity: true)
    work.joins.removeAll(keepingCapacity: true)
    let stride = partitions.isEmpty ? 0 : widestFeatures
    if work.matrix.count < rows.count * stride { work.matrix = [Double](repeating: 0, count: rows.count * stride) }

    var start = 0
    while start < rows.count {
      var end = start + 1
      while end < rows.count, rows[end].partition == rows[start].partition { end += 1 }
      observe(
        payload, rows[start..<end], of: rows[start].partition, stride: stride, request: request, id: id, firstSent: firstSent, now: now)
      start = end
    }
    score(payload, stride: stride)
    for join in work.joins { request.outcomes[join.index].decision = work.decisions[join.fresh] }
    for run in work.runs { log(run, payload, stride: stride, request: request, id: id, now: now) }
    if request.waiting == 0 { output.completed.append(id) }
    return id
  }

  /// Of the bundles that decide here now.
  public var widestFeatures: Int {
    var widest = 0
    for partition in partitions.values { widest = max(widest, partition.state.bundle?.features.count ?? 0) }
    return widest
  }

  /// Looks each row up, and observes those that are new.
  private func observe(
    _ payload: RawSpan, _ rows: ArraySlice<RoutedRow>, of id: PartitionID, stride: Int, request: Request, id requestID: RequestID,
    firstSent: Int64, now: Int64
  ) {
    guard let partition = partitions[id], partition.replica.primaryEpoch != nil else {
      return refuse(rows, request, .notPrimary)
    }
    let state = partition.state
    guard partition.replica.isServing, let bundle = state.bundle else { return refuse(rows, request, .unavailable) }
    guard (state.seal == nil || planted(.decideBehindSeal)) && partition.pause == nil else { return refuse(rows, request, .sealed) }
    // What was taken in before a switch to a bundle of cards alone may still be undecided: its retries wait for that.
    guard bundle.parts.isWhole, partition.exchange?.home.hasOpen != true, !state.home.hasUndecided else {
      return takeIn(payload, rows, partition, bundle, request: request, id: requestID, firstSent: firstSent, now: now)
    }
    let agreed = time(of: partition, firstSent: firstSent, now: now)
    let time = agreed ?? state.loggedTime
    let base = partition.replica.log.end
    let bundleNumber = UInt32(state.bundles.count - 1)
    let first = work.fresh.count
    var bytes = 0
    var waitFor = Offset.zero
    for (index, row) in zip(rows.indices, rows) {
      if (index - rows.startIndex) % DecideWork.aheadMax == 0 { prefetch(rows[index...].prefix(DecideWork.aheadMax), state) }
      let transaction = TransactionView(trusted: payload.extracting(row.range))
      let key = Fingerprint(id: transaction.id, card: row.key)
      let content = hash64(transaction.bytes, seed: 0)
      switch state.dedup.lookup(key, content: content) {
      case .duplicate(let entry):
        request.outcomes[row.index].status = .duplicate
        request.outcomes[row.index].partition = PartitionID(entry.partition)
        request.outcomes[row.index].offset = Offset(entry.offset)
        request.outcomes[row.index].bundle = request.bundleIndex(state.bundles[Int(entry.bundle)])
        request.outcomes[row.index].decision = entry.decision
        request.outcomes[row.index].listVersion = state.dedup.listVersion(of: key)
        // What a partition before this one decided had committed before this one was made (R12).
        guard entry.partition == id.rawValue else { continue }
        // A retry joins a decision that is pending; within this very batch it is still to be made.
        waitFor = max(waitFor, Offset(entry.offset + 1))
        if entry.offset >= base.rawValue {
          work.joins.append(.init(index: row.index, fresh: first + Int(entry.offset - base.rawValue)))
        }
      case .conflict(let entry):
        // The other one may still be lost: until it has committed, nobody is told of it (R5).
        request.outcomes[row.index].reject(.conflictingDuplicate)
        guard entry.partition == id.rawValue else { continue }
        request.outcomes[row.index].partition = id
        waitFor = max(waitFor, Offset(entry.offset + 1))
      case .new:
        guard agreed != nil else {
          refuse(rows[index...index], request, .unavailable)
          continue
        }
        // Entries are kept a little longer than this, so that clocks that differ a little decide nothing twice.
        if firstSent < (planted(.horizonByOwnClock) ? now + wallOffset : time) - dedupHorizon {
          request.outcomes[row.index].reject(.retryBeforeHorizon)
          continue
        }
        let place = work.fresh.count
        let seen = work.matrix.withUnsafeMutableBufferPointer {
          state.entities!.observe(
            transaction, keyHash: row.key,
            into: UnsafeMutableBufferPointer(rebasing: $0[place * stride..<place * stride + bundle.features.count]))
        }
        let dedup = state.dedup.insert(
          key, content: content, partition: id, offset: base + (place - first),
          decision: Decision(score: 0, action: .approve, verdict: .clear, flags: [], reasons: Decision.noReasons),
          bundle: bundleNumber, loggedTime: time, listVersion: state.hot.version)
        work.flags.append(seen.decisionFlags)
        work.fresh.append(.init(range: row.range, index: row.index, dedup: dedup))
        bytes += row.range.count
      }
    }
    let count = work.fresh.count - first
    // Only what is logged may move the state (R14).
    if count > 0 { state.advance(to: time) }
    if count > 0 {
      work.runs.append(
        .init(
          partition: partition, bundle: bundle, first: first, count: count, transactionBytes: bytes, loggedTime: time,
          listVersion: state.hot.version))
    } else if waitFor > partition.replica.commit {
      request.waiting += 1
      partition.wait(for: waitFor, requestID)
    }
  }

  /// A card's state is a few cache misses away, and those of different cards may be waited for together.
  private func prefetch(_ rows: ArraySlice<RoutedRow>, _ state: PartitionState) {
    guard rows.count > 1 else { return }
    work.ahead.removeAll(keepingCapacity: true)
    for row in rows { work.ahead.append(row.key) }
    work.ahead.withUnsafeBufferPointer { state.entities!.prefetch($0) }
  }

  /// One call of the model for all rows, or one for each bundle while a switch is under way.
  private func score(_ payload: RawSpan, stride: Int) {
    payload.withUnsafeBytes { score($0, stride: stride) }
  }

  private func score(_ payload: UnsafeRawBufferPointer, stride: Int) {
    var start = 0
    while start < work.runs.count {
      let bundle = work.runs[start].bundle
      var end = start + 1
      while end < work.runs.count, work.runs[end].bundle === bundle { end += 1 }
      let first = work.runs[start].first
      let count = work.runs[end - 1].first + work.runs[end - 1].count - first
      if !work.hot.isEmpty { work.hot.removeAll(keepingCapacity: true) }
      for run in work.runs[start..<end] where run.listVersion > 0 && !run.partition.state.hot.isEmpty {
        work.hot.append((run.first - first..<run.first - first + run.count, run.partition.state.hot))
      }
      work.matrix.withUnsafeBufferPointer { matrix in
        work.decider.decide(
          bundle, records: payload, record: { work.fresh[first + $0].range },
          matrix: UnsafeBufferPointer(rebasing: matrix[(first * stride)...]), rowCount: count, stride: stride,
          flags: work.flags[first..<first + count], hot: work.hot, into: &work.decisions)
      }
      start = end
    }
    if !work.hot.isEmpty { work.hot.removeAll(keepingCapacity: true) }
  }

  private func log(_ run: DecideWork.Run, _ payload: RawSpan, stride: Int, request: Request, id: RequestID, now: Int64) {
    let partition = run.partition
    let base = partition.replica.log.end
    let width = run.bundle.features.count
    let bundle = request.bundleIndex(run.bundle)
    for row in run.first..<run.first + run.count {
      let fresh = work.fresh[row]
      let decision = work.decisions[row]
      partition.state.dedup.settle(fresh.dedup, decision)
      request.outcomes[fresh.index].status = .decided
      request.outcomes[fresh.index].partition = partition.id
      request.outcomes[fresh.index].offset = base + (row - run.first)
      request.outcomes[fresh.index].bundle = bundle
      request.outcomes[fresh.index].listVersion = run.listVersion
      request.outcomes[fresh.index].decision = decision
      if request.withFeatures {
        request.outcomes[fresh.index].features = Int32(request.features.count)
        request.features.append(contentsOf: work.matrix[row * stride..<row * stride + width])
      }
    }
    if !planted(.answerBeforeCommit) {
      request.waiting += 1
      partition.wait(for: base + run.count, id)
    }
    let size = DecidedBatch.payloadSize(
      rowCount: run.count, transactionBytes: run.transactionBytes, featureCount: width, listVersion: run.listVersion)
    append(partition, kind: .decided, count: run.count, payloadSize: size, loggedTime: run.loggedTime, now: now) { out in
      payload.withUnsafeBytes { write(run, $0, stride: stride, to: out) }
    }
  }

  private func write(_ run: DecideWork.Run, _ payload: UnsafeRawBufferPointer, stride: Int, to out: UnsafeMutableRawBufferPointer) {
    let width = run.bundle.features.count
    out.storeBytes(of: run.bundle.id.high.littleEndian, as: UInt64.self)
    out.storeBytes(of: run.bundle.id.low.littleEndian, toByteOffset: 8, as: UInt64.self)
    out.storeBytes(of: UInt32(run.transactionBytes).littleEndian, toByteOffset: 16, as: UInt32.self)
    out.storeBytes(of: UInt16(width).littleEndian, toByteOffset: 20, as: UInt16.self)
    out.storeBytes(of: run.listVersion == 0 ? 0 : UInt16(1).littleEndian, toByteOffset: 22, as: UInt16.self)
    if run.listVersion > 0 { out.storeBytes(of: run.listVersion.littleEndian, toByteOffset: 24, as: UInt64.self) }
    var at = DecidedBatch.headerSize(run.listVersion)
    for row in run.first..<run.first + run.count {
      let range = work.fresh[row].range
      (out.baseAddress! + at).copyMemory(from: payload.baseAddress! + range.lowerBound, byteCount: range.count)
      at += range.count
    }
    for row in run.first..<run.first + run.count {
      work.decisions[row].write(to: out.baseAddress! + at)
      at += Decision.size
    }
    // Doubles go out as they lie in memory: the format is little endian, and so is every machine this builds for.
    work.matrix.withUnsafeBytes { matrix in
      for row in run.first..<run.first + run.count {
        (out.baseAddress! + at).copyMemory(from: matrix.baseAddress! + row * stride * 8, byteCount: width * 8)
        at += width * 8
      }
    }
  }

  func refuse(_ rows: ArraySlice<RoutedRow>, _ request: Request, _ code: FailureCode) {
    for row in rows {
      request.outcomes[row.index].status = .retry
      request.outcomes[row.index].failure = code
    }
  }
}

extension RowOutcome {
  mutating func reject(_ reason: RejectReason) {
    status = .rejected
    reject = reason
  }
}
