import Glibc
import Synchronization
import Wire

/// The outbox's thread: drains the queue, syncs what senders wait for, and closes files by age, size and request.
extension Outbox {
  fileprivate enum Work {
    case write(OutboxQueue)
    case close
  }

  func run(_ onFatal: @Sendable (OutboxError) -> Void) {
    var drained: OutboxQueue?
    do throws(OutboxError) {
      try serve(&drained)
      end(with: .stopped, drained)
    } catch {
      // A full disk at a shutdown: what is not in closed files is emitted again after the next start.
      let gaveUp = state.withLock { $0.closing } && error.isDiskFull
      end(with: error, drained)
      if !gaveUp { onFatal(error) }
    }
  }

  private func serve(_ drained: inout OutboxQueue?) throws(OutboxError) {
    /// When the growing files are to be closed.
    var closeAt = UInt64.max
    while true {
      let work = state.wait(until: closeAt) { state in nextWork(&state, giveBack: &drained) }
      var rotations: [Completion] = []
      if case .write(let queue) = work {
        drained = queue
        try write(queue)
        rotations = queue.rotations
      }
      let due = monotonicNanoseconds() >= closeAt || files.wantsCut || !rotations.isEmpty
      if due || work.isClose {
        try holdingOut { () throws(FileError) in try files.cut() }
        closeAt = .max
        state.withLock { $0.closed = files.cursors.ends }
        for done in rotations { done(nil) }
      }
      drained?.clear()
      if work.isClose { return files.abandon() }
      if closeAt == .max, !files.isEmpty { closeAt = monotonicNanoseconds() + options.closeAfter }
    }
  }

  private func nextWork(_ state: inout State, giveBack: inout OutboxQueue?) -> Work? {
    if let empty = giveBack {
      state.empty = empty
      giveBack = nil
    }
    if !state.filling.isEmpty {
      let full = state.filling
      state.filling = state.empty!
      state.empty = nil
      return .write(full)
    }
    guard state.closing else { return nil }
    // Nothing is taken from here on, so that nobody waits for what will not happen.
    state.dead = true
    return .close
  }

  private func write(_ queue: OutboxQueue) throws(OutboxError) {
    for kind in OutboxKind.allCases {
      let bytes = queue.bytes(of: kind)
      try holdingOut { () throws(FileError) in try files.write(kind, bytes) }
      let before = queued.subtract(bytes.count, ordering: .relaxed).oldValue
      if before >= options.queueBytesMax { state.wake() }
    }
    for (partition, end) in queue.ends { files.advance(partition, to: end) }
    guard !queue.quarantined.isEmpty else { return }
    try holdingOut { () throws(FileError) in try files.sync(.quarantine) }
    for done in queue.quarantined { done(nil) }
    queue.quarantined.removeAll()
  }

  /// Tries again while the disk is full, unless the outbox is closing. Only calls that give the disk more to hold are
  /// worth it: a sync that failed once is never believed again.
  private func holdingOut(_ body: () throws(FileError) -> Void) throws(OutboxError) {
    while true {
      do throws(FileError) {
        try body()
        stalled.store(false, ordering: .relaxed)
        return
      } catch {
        guard error.isDiskFull, error.call == "write" || error.call == "open" else { throw .file(error) }
        stalled.store(true, ordering: .relaxed)
        let closing: Bool? = state.wait(until: monotonicNanoseconds() + 250_000_000) { $0.closing ? true : nil }
        if closing != nil { throw .file(error) }
      }
    }
  }

  /// Tells everyone who still waits.
  private func end(with error: OutboxError, _ drained: OutboxQueue?) {
    files.abandon()
    let waiting = state.withLock { state in
      state.dead = true
      let waiting = [drained, state.filling].compactMap { $0 }.flatMap { $0.quarantined + $0.rotations }
      state.filling.clear()
      return waiting
    }
    queued.store(0, ordering: .relaxed)
    for done in waiting { done(error) }
  }
}

extension Optional where Wrapped == Outbox.Work {
  fileprivate var isClose: Bool {
    if case .close = self { true } else { false }
  }
}
