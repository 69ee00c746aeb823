import Wire

extension Journal {
  /// Before the first record that the journal can have.
  var beginning: JournalPosition { JournalPosition(segment: 1, offset: UInt32(JournalSegmentHeader.span)) }

  /// The newest ticket given out.
  var lastTicket: JournalTicket { intake.withLock { $0.last } }

  /// Blocks until everything up to `ticket` can be read back.
  func waitUntilDurable(_ ticket: JournalTicket) {
    _ = intake.wait { state -> Bool? in
      state.dead || state.closing || durableTicket >= ticket ? true : nil
    }
  }
}
