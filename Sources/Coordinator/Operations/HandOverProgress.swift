import Wire

/// What this process knows of one planned hand-over under way (R12). In no record: nothing depends on it but how long
/// clients wait, and a coordinator that starts anew asks again.
struct HandOverProgress: Equatable, Sendable {
  var successor: Member
  /// Of the record by which the primary is asked. With any other version it is over.
  var version: RecordVersion
  var since: Int64
  var lastSent: Int64 = .min / 2
  /// The primary takes no rows, and the successor holds everything.
  var isDrained = false
}

/// One that came to nothing.
struct HandOverFailure: Equatable, Sendable {
  /// In a row.
  var count: Int
  /// Not tried again before.
  var until: Int64
  var reason: String
  /// Of the record by which it was asked for: a primary pauses once by each.
  var version: RecordVersion?
  /// As of the moment for which a draft is made.
  var isResting = true
}
