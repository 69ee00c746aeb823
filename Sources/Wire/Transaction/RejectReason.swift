/// Why a transaction was put into the quarantine or refused: a machine-readable code that never changes its meaning.
public enum RejectReason: UInt8, Sendable, CaseIterable {
  case malformed = 1
  case missingField = 2
  case illTypedField = 3
  case unknownCurrency = 4
  case negativeAmount = 5
  case amountOverflow = 6
  case timeInFuture = 7
  case timeOutOfRange = 8
  case invalidUTF8 = 9
  case tooLarge = 10
  case unknownField = 11
  case valueOutOfRange = 12
  case conflictingDuplicate = 13
  case retryBeforeHorizon = 14
  // Of labels.
  /// The card's history has no such transaction.
  case unknownTransaction = 15
  /// The transaction of this id has other content.
  case contradictsTransaction = 16
  /// Another finding is known under the same version.
  case contradictsLabel = 17
  /// Another finding is known under a higher version.
  case outdatedLabel = 18
  /// The active bundle has no feature of labels, and so keeps none.
  case labelsNotKept = 19

  /// The code that stands in files, metrics and answers.
  public var code: String {
    switch self {
    case .malformed: "malformed"
    case .missingField: "missing_field"
    case .illTypedField: "ill_typed_field"
    case .unknownCurrency: "unknown_currency"
    case .negativeAmount: "negative_amount"
    case .amountOverflow: "amount_overflow"
    case .timeInFuture: "time_in_future"
    case .timeOutOfRange: "time_out_of_range"
    case .invalidUTF8: "invalid_utf8"
    case .tooLarge: "too_large"
    case .unknownField: "unknown_field"
    case .valueOutOfRange: "value_out_of_range"
    case .conflictingDuplicate: "conflicting_duplicate"
    case .retryBeforeHorizon: "retry_before_horizon"
    case .unknownTransaction: "unknown_transaction"
    case .contradictsTransaction: "contradicts_transaction"
    case .contradictsLabel: "contradicts_label"
    case .outdatedLabel: "outdated_label"
    case .labelsNotKept: "labels_not_kept"
    }
  }
}

/// One rejected transaction: why, which field, and in words for a person. Never holds a token or an amount.
public struct Rejection: Error, Equatable, Sendable, CustomStringConvertible {
  public var reason: RejectReason
  /// Name of the schema field, or empty where the whole record is at fault.
  public var field: String
  public var detail: String

  public init(_ reason: RejectReason, field: String = "", _ detail: String) {
    self.reason = reason
    self.field = field
    self.detail = detail
  }

  public var description: String { field.isEmpty ? "\(reason.code): \(detail)" : "\(reason.code) (\(field)): \(detail)" }
}
