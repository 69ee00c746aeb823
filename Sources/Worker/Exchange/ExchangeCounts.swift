/// What homes count of the exchange, contributions each (X1-X4).
public struct ExchangeCounts: Equatable, Sendable {
  /// To a partition, for the first time since its primary or this one came to be.
  public var sent = 0
  /// Unanswered for a while, or owed to a primary that may not have had them.
  public var sentAgain = 0
  public var answered = 0
  /// Of those, after the payment had been decided without them.
  public var answeredLate = 0
  /// A full window kept them back, and the payment was decided without them.
  public var heldBack = 0

  public init() {}

  public static func += (a: inout ExchangeCounts, b: ExchangeCounts) {
    a.sent += b.sent
    a.sentAgain += b.sentAgain
    a.answered += b.answered
    a.answeredLate += b.answeredLate
    a.heldBack += b.heldBack
  }
}

/// Why a payment was decided without an entity's features (X3, X4, X6).
public enum DegradedReason: Int, Sendable, CaseIterable {
  /// No answer by the deadline.
  case deadline
  /// The exchange's window was full.
  case window
  /// The entity's partition has answered, and does not compute the features of this bundle (any more).
  case bundle

  public var name: String {
    switch self {
    case .deadline: "deadline"
    case .window: "window"
    case .bundle: "bundle"
    }
  }
}
