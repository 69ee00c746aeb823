import NIOCore
import NIOPosix
import Wire

/// What a submission writes, and how it ends.
extension SubmitJob {
  /// Runs `body` on the thread, behind what it was given before, and `then` on the loop.
  func onThread<R: Sendable>(_ body: @escaping @Sendable () throws(ClientError) -> R, then: @escaping (R) -> Void) {
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

  func writeOutput() {
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
  func save() {
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

  func tick() {
    advance()
    let now = clock().nanoseconds
    meter.add(now, rows: rows, bytes: checkpoint.offset)
    if let onProgress {
      var progress = meter.progress(bytesTotal: size, problem: submitter?.lastProblem)
      progress.unknown = unknown.keys.sorted()
      onProgress(progress)
    }
    if now - savedAt >= options.saveInterval, !isSaving {
      savedAt = now
      save()
    }
    feed()
    settle()
  }

  // MARK: - The end

  /// Ends the job when nothing is under way any more.
  func settle() {
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
      resent: submitter?.resent ?? 0, retries: submitter?.retries ?? SubmitRetries(), elapsed: elapsed,
      nextLine: checkpoint.line, latency: latencies.summary(.decided), examples: examples, unknown: unknown,
      problem: failed > 0 ? submitter?.lastProblem : nil)
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
