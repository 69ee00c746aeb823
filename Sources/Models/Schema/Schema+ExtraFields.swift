import Wire

extension Schema {
  /// The extra fields' bytes against the declaration: whole, in order, declared, of their type, none required missing.
  func validateExtras(_ bytes: UnsafeRawBufferPointer, count: Int) -> Rejection? {
    var at = 0
    var seen: UInt64 = 0
    for _ in 0..<count {
      guard at + 2 <= bytes.count else { return truncated }
      let index = Int(bytes[at])
      guard index < fields.count else {
        return Rejection(.unknownField, "extra field \(index) is not declared in the schema")
      }
      let field = fields[index]
      // A bit at or above this one: repeated or out of order.
      guard seen >> UInt64(index) == 0 else {
        return Rejection(.malformed, field: field.name, "extra fields are repeated or out of order")
      }
      seen |= 1 << UInt64(index)
      guard let kind = ExtraField.Kind(rawValue: bytes[at + 1]) else {
        return Rejection(.malformed, field: field.name, "the field's type is not known")
      }
      guard kind == field.kind else {
        return Rejection(.illTypedField, field: field.name, "expected \(field.kind), found \(kind)")
      }
      at += 2
      switch kind {
      case .number:
        guard at + 8 <= bytes.count else { return truncated }
        let pattern = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        guard Double(bitPattern: pattern).isFinite else {
          return Rejection(.valueOutOfRange, field: field.name, "the number is not finite")
        }
        at += 8
      case .integer:
        guard at + 8 <= bytes.count else { return truncated }
        at += 8
      case .flag:
        guard at + 1 <= bytes.count else { return truncated }
        guard bytes[at] <= 1 else { return Rejection(.malformed, field: field.name, "a flag is 0 or 1") }
        at += 1
      case .text:
        guard at + 1 <= bytes.count, at + 1 + Int(bytes[at]) <= bytes.count else { return truncated }
        let end = at + 1 + Int(bytes[at])
        guard String(validating: UnsafeRawBufferPointer(rebasing: bytes[at + 1..<end]), as: UTF8.self) != nil else {
          return Rejection(.invalidUTF8, field: field.name, "the text is not UTF-8")
        }
        at = end
      }
    }
    guard at == bytes.count else { return Rejection(.malformed, "bytes are left over behind the last extra field") }
    let missing = requiredBits & ~seen
    guard missing == 0 else {
      return Rejection(.missingField, field: fields[missing.trailingZeroBitCount].name, "the schema requires the field")
    }
    return nil
  }

  private var truncated: Rejection { Rejection(.malformed, "the extra fields exceed the record") }
}
