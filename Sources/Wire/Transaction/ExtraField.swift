/// A field that the schema declares beyond the fixed ones.
///
/// Bytes: u8 index of the field in the schema's list of extra fields, u8 type, then the value: `number` 8 bytes
/// (IEEE 754), `integer` 8 bytes, `flag` 1 byte, `text` u8 length and UTF-8. Fields stand in rising order of index.
public enum ExtraField {
  public enum Kind: UInt8, Sendable, CaseIterable {
    case number = 1, integer, flag, text
  }

  public enum Value: Equatable, Sendable {
    case number(Double), integer(Int64), flag(Bool), text(String)
  }

  /// Calls `body` for each field in order; throws when the bytes aren't `count` whole fields.
  public static func forEach(
    in bytes: RawSpan, count: Int, _ body: (Int, Value) throws(WireError) -> Void
  ) throws(WireError) {
    var reader = WireReader(bytes)
    var last = -1
    for _ in 0..<count {
      let at = reader.position
      let index = Int(try reader.read(UInt8.self))
      guard index > last else { throw WireError.invalid(at: at, "extra fields are out of order") }
      last = index
      guard let kind = Kind(rawValue: try reader.read(UInt8.self)) else {
        throw WireError.invalid(at: at + 1, "an extra field's type isn't known")
      }
      switch kind {
      case .number: try body(index, .number(try reader.readDouble()))
      case .integer: try body(index, .integer(try reader.read(Int64.self)))
      case .flag: try body(index, .flag(try reader.readBool()))
      case .text:
        let length = Int(try reader.read(UInt8.self))
        let raw = try reader.readRaw(length)
        guard let text = raw.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) else {
          throw WireError.invalid(at: at, "an extra field's text is not UTF-8")
        }
        try body(index, .text(text))
      }
    }
    try reader.finish()
  }
}
