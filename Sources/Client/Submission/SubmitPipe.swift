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
  /// Of the last answer.
  var tables: DecisionsTables?

  init(node: NodeID) { self.node = node }

  var hasQueued: Bool { filling != nil || !full.isEmpty }

  /// The next batch that may leave now, already counted as in flight.
  func next(_ options: SubmitOptions, _ now: Int64) -> SubmitBatch? {
    guard isOpen, isWritable, inFlight.count < options.framesInFlight else { return nil }
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

  func take(_ correlation: UInt64) -> SubmitBatch? {
    guard let index = inFlight.firstIndex(where: { $0.correlation == correlation }) else { return nil }
    return inFlight.remove(at: index)
  }

  func takeExpired(_ now: Int64) -> SubmitBatch? {
    guard let index = inFlight.firstIndex(where: { $0.due <= now }) else { return nil }
    return inFlight.remove(at: index)
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
      if isOpen, isWritable, inFlight.count < options.framesInFlight { due = min(due, filling.due) }
    }
    for batch in full { due = min(due, batch.giveUpAt) }
    return due
  }
}
