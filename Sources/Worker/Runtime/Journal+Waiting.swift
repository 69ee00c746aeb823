import Wire

extension Journal {
  /// Before the first record that the journal can have.
  var beginning: JournalPosition {
    JournalPosition(segment: firstSegment.load(ordering: .acquiring), offset: UInt32(JournalSegmentHeader.span))
  }

  /// The segment that is being written.
  var lastSegment: UInt32 { JournalPosition(packed: written.load(ordering: .acquiring)).segment }

  /// The newest ticket given out.
  var lastTicket: JournalTicket { intake.withLock { $0.last } }

  /// Blocks until everything up to `ticket` is on disk; false where the journal ended before. Not for an event loop.
  @discardableResult
  func waitUntilDurable(_ ticket: JournalTicket) -> Bool {
    intake.withLock { $0.durableWaiters += 1 }
    defer { intake.withLock { $0.durableWaiters -= 1 } }
    return intake.wait { state in
      if durableTicket >= ticket { return true }
      return state.dead || state.ended ? false : nil
    } ?? false
  }
}
