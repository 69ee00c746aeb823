import Wire

/// Puts one row's values, in whatever order they come, into a transaction; JSON and CSV share it.
///
/// What depends on two fields (the amount needs its currency's minor digits) waits until `finish`.
struct TransactionAssembler: Sendable {
  /// Largest amount in minor units, so that sums over a window stay far below Int64's bound.
  static let amountMax: Int64 = 1_000_000_000_000_000

  /// What the text said a value is.
  enum Spelling {
    case string
    /// A number of JSON's grammar.
    case number
    case yes, no
    /// A CSV cell: text that may stand for anything.
    case cell
  }

  let plan: FieldPlan
  private var row: UInt32 = 0
  /// Per column, the row in which it was last seen: duplicates without clearing.
  private var seenInRow: [UInt32]
  /// Bit n: field n has a value.
  private var present: UInt32 = 0
  private var amount = DecimalNumber.zero
  private var extras: ExtraFieldAssembler

  init(plan: FieldPlan) {
    self.plan = plan
    seenInRow = [UInt32](repeating: 0, count: plan.columns.count)
    extras = ExtraFieldAssembler(specs: plan.extraFields)
  }

  mutating func begin(_ builder: inout TransactionBuilder) {
    if row == .max {
      for i in seenInRow.indices { seenInRow[i] = 0 }
      row = 0
    }
    row += 1
    present = 0
    extras.reset()
    builder.reset()
  }

  /// Notes that a column stands in this row; false when it did before.
  @inline(__always) mutating func note(_ column: Int) -> Bool {
    guard seenInRow[column] != row else { return false }
    seenInRow[column] = row
    return true
  }

  /// Takes a value, UTF-8 already checked, for a column and for those that read the same source.
  mutating func take(
    _ column: Int, _ spelling: Spelling, _ text: RawSpan, into builder: inout TransactionBuilder
  ) throws(Rejection) {
    var index = column
    while index >= 0 {
      let step = plan.steps[index]
      if step.hasValues {
        try setMapped(index, text, &builder)
      } else {
        try set(step.destination, step.isPlainTime ? nil : index, spelling, text, &builder)
      }
      index = Int(step.next)
    }
  }

  mutating func applyConstants(to builder: inout TransactionBuilder) throws(Rejection) {
    for (destination, rule) in plan.constants {
      guard case .constant(let content) = rule.source else { continue }
      let bytes = Array(content.utf8)
      try set(destination, nil, .cell, bytes.span.bytes, &builder)
    }
  }

  /// Checks that nothing is missing and completes the record.
  mutating func finish(_ builder: inout TransactionBuilder) throws(Rejection) {
    if !plan.constants.isEmpty { try applyConstants(to: &builder) }
    let hasMinor = has(.amountMinor)
    if present & Self.requiredMask != Self.requiredMask || has(.amount) == hasMinor {
      if has(.amount), hasMinor {
        throw Rejection(.malformed, field: "amount", "amount and amount_minor stand in one transaction; give one")
      }
      for field in TransactionField.required where !has(field) && !(field == .amount && hasMinor) {
        throw Rejection(.missingField, field: field.name, "a transaction needs this field")
      }
    }
    if !hasMinor { builder.amount = try minorUnits(amount, builder.currency) }
    if !plan.extraFields.isEmpty { try extras.finish(&builder) }
    let size =
      TransactionView.fixedSize + builder.id.count + builder.card.count + builder.customer.count
      + builder.merchant.count + builder.terminal.count + builder.device.count + builder.ip.count + builder.extras.count
    guard size <= TransactionView.sizeMax else {
      throw Rejection(.tooLarge, "the record has \(size) bytes; at most \(TransactionView.sizeMax) are taken")
    }
  }

  // MARK: One value

  /// - Parameter column: Where the time's format stands; nil for the automatic one.
  private mutating func set(
    _ destination: FieldPlan.Destination, _ column: Int?, _ spelling: Spelling, _ text: RawSpan,
    _ builder: inout TransactionBuilder
  ) throws(Rejection) {
    guard case .field(let field) = destination else {
      guard case .extra(let index) = destination else { return }
      return try extras.set(index, spelling, text)
    }
    // An empty text is no value, in JSON as in CSV.
    guard text.byteCount > 0 else { return }
    switch field {
    case .transactionID: try FieldValue.token(field, spelling, text, &builder.id)
    case .card:
      guard !CardNumberCheck.looksLikeCardNumber(text) else {
        throw Rejection(.valueOutOfRange, field: field.name, "card looks like a card number; send a token")
      }
      try FieldValue.token(field, spelling, text, &builder.card)
    case .customer: try FieldValue.token(field, spelling, text, &builder.customer)
    case .merchant: try FieldValue.token(field, spelling, text, &builder.merchant)
    case .terminal: try FieldValue.token(field, spelling, text, &builder.terminal)
    case .device: try FieldValue.token(field, spelling, text, &builder.device)
    case .eventTime:
      if let column {
        builder.eventTime = try FieldValue.time(spelling, text, plan.columns[column].time)
      } else {
        builder.eventTime = try FieldValue.time(spelling, text, .automatic)
      }
    case .amount: amount = try FieldValue.amount(field, spelling, text)
    case .amountMinor: builder.amount = try FieldValue.minorAmount(spelling, text)
    case .currency: builder.currency = try FieldValue.currency(spelling, text)
    case .mcc: builder.mcc = try FieldValue.mcc(spelling, text)
    case .country: builder.country = try FieldValue.country(spelling, text)
    case .ip: try FieldValue.ip(spelling, text, &builder.ip)
    case .channel: builder.channel = try FieldValue.channel(spelling, text)
    case .entryMode: builder.entryMode = try FieldValue.entryMode(spelling, text)
    }
    present |= 1 << UInt32(field.rawValue)
  }

  private mutating func setMapped(_ index: Int, _ text: RawSpan, _ builder: inout TransactionBuilder) throws(Rejection) {
    guard text.byteCount > 0 else { return }
    let column = plan.columns[index]
    let key = text.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    guard let value = column.values?[key] else {
      throw Rejection(.valueOutOfRange, field: column.name, "the value isn't in the mapping's `map` for this field")
    }
    let bytes = Array(value.utf8)
    try set(column.destination, index, .cell, bytes.span.bytes, &builder)
  }

  private func minorUnits(_ amount: DecimalNumber, _ currency: Currency) throws(Rejection) -> Int64 {
    switch amount.scaled(by: currency.minorDigits) {
    case .exact(let value) where value <= Self.amountMax: return value
    case .exact, .tooLarge: throw FieldValue.overflow(.amount)
    case .tooFine:
      throw Rejection(
        .illTypedField, field: TransactionField.amount.name,
        "the amount has more decimal places than \(currency) has (\(currency.minorDigits))")
    }
  }

  @inline(__always) private func has(_ field: TransactionField) -> Bool { present & 1 << UInt32(field.rawValue) != 0 }

  private static let requiredMask: UInt32 = TransactionField.required.filter { $0 != .amount }.reduce(0) {
    $0 | 1 << UInt32($1.rawValue)
  }
}
