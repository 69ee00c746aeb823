import Wire

/// Gathers a row's extra fields in any order and writes them in the record's order of indexes.
struct ExtraFieldAssembler: Sendable {
  /// Bytes of one extra text field in a record.
  static let textLengthMax = 255

  private let specs: [ExtraFieldSpec]
  private var values: [ExtraField.Value?]

  init(specs: [ExtraFieldSpec]) {
    self.specs = specs
    values = [ExtraField.Value?](repeating: nil, count: specs.count)
  }

  mutating func reset() {
    for i in values.indices { values[i] = nil }
  }

  mutating func set(_ index: Int, _ spelling: TransactionAssembler.Spelling, _ text: RawSpan) throws(Rejection) {
    let spec = specs[index]
    switch spec.kind {
    case .text:
      guard spelling != .yes, spelling != .no, spelling != .number else { throw illTyped(spec, "text is expected") }
      // An empty text is no value.
      guard text.byteCount > 0 else { return }
      guard text.byteCount <= Self.textLengthMax else {
        throw Rejection(
          .valueOutOfRange, field: spec.name,
          "the text has \(text.byteCount) bytes; at most \(Self.textLengthMax) are taken")
      }
      values[index] = .text(text.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
    case .number:
      guard spelling != .cell || text.byteCount > 0 else { return }
      guard spelling == .number || spelling == .cell, let value = Double(decimalText: text) else {
        throw illTyped(spec, "a number is expected")
      }
      values[index] = .number(value)
    case .integer:
      guard spelling != .cell || text.byteCount > 0 else { return }
      guard spelling == .number || spelling == .cell, let value = FieldValue.wholeNumber(text) else {
        throw illTyped(spec, "a whole number of 64 bits is expected")
      }
      values[index] = .integer(value)
    case .flag:
      switch spelling {
      case .yes: values[index] = .flag(true)
      case .no: values[index] = .flag(false)
      case .cell:
        switch text.withUnsafeBytes({ String(decoding: $0, as: UTF8.self) }) {
        case "": return
        case "true", "1": values[index] = .flag(true)
        case "false", "0": values[index] = .flag(false)
        default: throw illTyped(spec, "true or false is expected")
        }
      case .string, .number: throw illTyped(spec, "true or false is expected")
      }
    }
  }

  mutating func finish(_ builder: inout TransactionBuilder) throws(Rejection) {
    for index in specs.indices {
      if let value = values[index] {
        builder.addExtra(UInt8(index), value)
      } else if specs[index].isRequired {
        throw Rejection(.missingField, field: specs[index].name, "a transaction needs this field")
      }
    }
  }

  private func illTyped(_ spec: ExtraFieldSpec, _ detail: String) -> Rejection {
    Rejection(.illTypedField, field: spec.name, detail)
  }
}
