import Wire

/// A label in the text of a transaction: two fields behind those of the schema, which the record does not keep.
///
/// ```json
/// {"transaction_id": "t-1", ..., "label": "fraud", "label_version": 2}
/// ```
/// `label` is `fraud` or `legitimate`; in texts also 1, true or 0, false. `label_version` is 1 where it is missing.
public enum LabelFields {
  /// What a parser of transactions is given behind the schema's extra fields.
  public static let specs = [ExtraFieldSpec(name: "label", kind: .text), ExtraFieldSpec(name: "label_version", kind: .integer)]

  /// Takes the label out of a transaction that was read with `specs` from index `first` on.
  public static func take(from builder: inout TransactionBuilder, first: Int) throws(Rejection) -> Label {
    var at = 0
    var kept = 0
    while at < builder.extras.count, Int(builder.extras[at]) < first {
      at += size(builder.extras, at)
      kept += 1
    }
    let start = at
    var word: String?
    var version: Int64 = 1
    while at < builder.extras.count {
      let end = at + size(builder.extras, at)
      switch ExtraField.Kind(rawValue: builder.extras[at + 1]) {
      case .text: word = String(decoding: builder.extras[at + 3..<end], as: UTF8.self)
      case .integer: version = Int64(bitPattern: builder.extras[at + 2..<end].reversed().reduce(0) { $0 << 8 | UInt64($1) })
      case .number, .flag, nil: break
      }
      at = end
    }
    builder.extras.removeSubrange(start...)
    builder.extraCount = kept
    return try label(word, version: version)
  }

  /// From its two texts as numbers and words.
  static func label(_ word: String?, version: Int64) throws(Rejection) -> Label {
    guard let word else { throw Rejection(.missingField, field: "label", "a label is fraud or legitimate") }
    guard let finding = finding(word) else { throw Rejection(.valueOutOfRange, field: "label", "a label is fraud or legitimate") }
    guard let number = UInt16(exactly: version), number > 0 else {
      throw Rejection(.valueOutOfRange, field: "label_version", "a label's version is a number from 1 to 65535")
    }
    return Label(finding, version: number)
  }

  private static func finding(_ word: String) -> Label.Finding? {
    switch word {
    case "fraud", "1", "true": .fraud
    case "legitimate", "0", "false": .legitimate
    default: nil
    }
  }

  private static func size(_ extras: [UInt8], _ at: Int) -> Int {
    switch ExtraField.Kind(rawValue: extras[at + 1]) {
    case .number, .integer: 10
    case .flag: 3
    case .text, nil: 3 + Int(extras[at + 2])
    }
  }
}
