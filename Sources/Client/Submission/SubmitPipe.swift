import DequeModule
import Wire

/// What is on its way to one worker, on one event loop.
final class SubmitPipe {
  let node: NodeID
  /// A link is there, and takes more.
  var isOpen = false
  var isWritable = true
  /// Takes new rows; never empty.
  var filling: SubmitBatch?
  /// Wait for the window; full, or closed because the next row was of another age.
  var full: Deque<SubmitBatch> = []
  /// Sent and not answered, oldest first. At most `framesInFlight`.
  private(set) var inFlight: [SubmitBatch] = []
  /// Frames in flight that the worker seems to keep up with: halved when it says that it is busy, and grown by one for each
  /// window of answers after that (Chiu, Jain 1989).
  private(set) var window = Double.infinity
  /// Nothing is sent before; nanoseconds.
  private var pausedUntil = Int64.min
  /// When the window was last halved: what was sent before says nothing new.
  private var halvedAt = Int64.min
  /// Of the last answer.
  var tables: DecisionsTables?

  init(node: NodeID) { self.node = node }

  var hasQueued: Bool { filling != nil || !full.isEmpty }

  /// The next batch that may leave now, already counted as in flight.
  func next(_ options: SubmitOptions, _ now: Int64) -> SubmitBatch? {
    guard mayGo(options), pausedUntil <= now else { return nil }
    if let batch = full.popFirst() {
      inFlight.append(batch)
      return batch
    }
    // A busy worker's frames fill up meanwhile: fewer, larger frames are cheaper for both.
    guard let batch = filling, inFlight.isEmpty || batch.due <= now else { return nil }
    filling = nil
    inFlight.append(batch)
    return batch
  }

  private func mayGo(_ options: SubmitOptions) -> Bool {
    isOpen && isWritable && inFlight.count < min(options.framesInFlight, Int(min(window, 1e6)))
  }

  /// The worker has as much to do as it takes: less is sent to it from now on, and nothing for a while. False where it
  /// had been told of before.
  func slowDown(_ batch: SubmitBatch, for pause: Int64, _ options: SubmitOptions, _ now: Int64) -> Bool {
    pausedUntil = max(pausedUntil, now + pause)
    guard batch.sentAt >= halvedAt else { return false }
    halvedAt = now
    window = max(1, min(window, Double(options.framesInFlight)) / 2)
    return true
  }

  /// It has answered a frame.
  func speedUp(_ options: SubmitOptions) {
    guard window < Double(options.framesInFlight) else { return }
    window += 1 / window
  }

  func take(_ correlation: UInt64) -> SubmitBatch? {
    guard let index = inFlight.firstIndex(where: { $0.correlation == correlation }) else { return nil }
    return inFlight.remove(at: index)
  }

  func takeExpired(_ now: Int64) -> SubmitBatch? {
    guard let index = inFlight.firstIndex(where: { $0.due <= now }) else { return nil }
    return inFlight.remove(at: index)
  }

  /// Batches with rows that belong elsewhere by now are given up at `due`, if not before.
  func hurry(_ due: Int64, where isMoved: (SubmitBatch.Row) -> Bool) {
    for batch in inFlight where batch.due > due && batch.rows.contains(where: isMoved) { batch.due = due }
  }

  func takeInFlight() -> [SubmitBatch] {
    defer { inFlight.removeAll() }
    return inFlight
  }

  /// Everything not sent yet, in order.
  func takeQueued() -> [SubmitBatch] {
    var queued = Array(full)
    full.removeAll()
    if let filling { queued.append(filling) }
    filling = nil
    return queued
  }

  /// When something is due by itself, at the latest; nil for never.
  func nextDue(_ options: SubmitOptions) -> Int64 {
    var due = Int64.max
    for batch in inFlight { due = min(due, batch.due) }
    if let filling {
      due = min(due, filling.giveUpAt)
      if mayGo(options) { due = min(due, max(filling.due, pausedUntil)) }
    }
    if !full.isEmpty, mayGo(options) { due = min(due, pausedUntil) }
    for batch in full { due = min(due, batch.giveUpAt) }
    return due
  }
}
