/// A section of values in MaxMind DB format 2.0 ("Output Data Section" of its specification): each value has its type and its
/// size in front. Every read is checked against the section's end, so that a damaged file can do nothing but fail.
struct GeoData {
  /// Lives as long as the file that it is of.
  let bytes: UnsafeRawBufferPointer

  /// Values in one record, those that are passed over included. Large databases' records have below 200.
  static let fieldsMax = 4_096

  enum FieldType: UInt8 {
    case pointer = 1
    case text, double, bytes, uint16, uint32, map, int32, uint64, uint128, array, container, end, flag, float
  }

  /// A value's head. `size` is bytes, pairs of a map, elements of an array, the target of a pointer, 0 or 1 of a flag.
  struct Field {
    let type: FieldType
    let size: Int
    /// Where its contents begin; of pointers and flags, where the next value does.
    let payload: Int
  }

  func field(at start: Int) throws(GeoFault) -> Field {
    var at = start
    let control = Int(try byte(&at))
    var type = UInt8(control >> 5)
    if type == 0 {
      let more = try byte(&at)
      guard (1...8).contains(more) else { throw GeoFault(.fieldType, at: start) }
      type = more + 7
    }
    guard let type = FieldType(rawValue: type) else { throw GeoFault(.fieldType, at: start) }
    if type == .pointer { return try pointer(control, at) }
    var size = control & 31
    switch size {
    case 29: size = 29 + (try number(&at, 1))
    case 30: size = 285 + (try number(&at, 2))
    case 31: size = 65_821 + (try number(&at, 3))
    default: break
    }
    switch type {
    case .map, .array: return Field(type: type, size: size, payload: at)
    case .flag:
      guard size <= 1 else { throw GeoFault(.fieldSize, at: start) }
      return Field(type: type, size: size, payload: at)
    case .pointer, .container, .end: throw GeoFault(.fieldType, at: start)
    case .double, .float:
      guard size == (type == .double ? 8 : 4) else { throw GeoFault(.fieldSize, at: start) }
    case .uint16, .uint32, .int32, .uint64, .uint128:
      let limit = type == .uint16 ? 2 : type == .uint64 ? 8 : type == .uint128 ? 16 : 4
      guard size <= limit else { throw GeoFault(.fieldSize, at: start) }
    case .text, .bytes: break
    }
    guard size <= bytes.count - at else { throw GeoFault(.truncated, at: start) }
    return Field(type: type, size: size, payload: at)
  }

  private func pointer(_ control: Int, _ start: Int) throws(GeoFault) -> Field {
    var at = start
    let high = control & 7
    let target: Int
    switch control >> 3 & 3 {
    case 0: target = high << 8 | (try number(&at, 1))
    case 1: target = (high << 16 | (try number(&at, 2))) + 2_048
    case 2: target = (high << 24 | (try number(&at, 3))) + 526_336
    default: target = try number(&at, 4)
    }
    guard target < bytes.count else { throw GeoFault(.pointer, at: start - 1) }
    return Field(type: .pointer, size: target, payload: at)
  }

  @inline(__always) private func byte(_ at: inout Int) throws(GeoFault) -> UInt8 {
    guard at >= 0, at < bytes.count else { throw GeoFault(.truncated, at: at) }
    defer { at += 1 }
    return bytes[at]
  }

  /// Big-endian.
  @inline(__always) private func number(_ at: inout Int, _ count: Int) throws(GeoFault) -> Int {
    guard count <= bytes.count - at else { throw GeoFault(.truncated, at: at) }
    var value = 0
    for _ in 0..<count {
      value = value << 8 | Int(bytes[at])
      at += 1
    }
    return value
  }

  /// Where the value ends, with everything in it. Pointers are not followed. Each value in it takes one off the `budget`.
  func skip(_ start: Int, _ budget: inout Int) throws(GeoFault) -> Int {
    var at = start
    var open = 1
    while open > 0 {
      budget -= 1
      guard budget >= 0 else { throw GeoFault(.tooLarge, at: start) }
      let field = try field(at: at)
      open -= 1
      at = field.payload
      switch field.type {
      case .map: open += 2 * field.size
      case .array: open += field.size
      case .pointer, .flag: break
      default: at += field.size
      }
    }
    return at
  }

  /// The value itself, where the field is a pointer.
  func target(of field: Field) throws(GeoFault) -> Field {
    guard field.type == .pointer else { return field }
    let value = try self.field(at: field.size)
    guard value.type != .pointer else { throw GeoFault(.pointer, at: field.size) }
    return value
  }

  func text(_ field: Field) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: bytes.bindMemory(to: UInt8.self)[field.payload..<field.payload + field.size])
  }

  /// nil for what is no single value, and for what 64 bits don't hold.
  func value(_ field: Field) -> GeoValue? {
    switch field.type {
    case .text: return .text(text(field))
    case .double: return .number(Double(bitPattern: unsigned(field)))
    case .float: return .number(Double(Float(bitPattern: UInt32(truncatingIfNeeded: unsigned(field)))))
    case .uint16, .uint32, .uint64: return Int64(exactly: unsigned(field)).map { .integer($0) }
    case .int32: return .integer(Int64(Int32(truncatingIfNeeded: unsigned(field))))
    case .flag: return .flag(field.size == 1)
    case .pointer, .bytes, .uint128, .map, .array, .container, .end: return nil
    }
  }

  /// At most 8 bytes, which lie in the section.
  private func unsigned(_ field: Field) -> UInt64 {
    var value: UInt64 = 0
    for at in field.payload..<field.payload + field.size { value = value << 8 | UInt64(bytes[at]) }
    return value
  }

  /// Where the value of a key stands in the map at `start`; nil without it.
  func member(_ key: String, ofMapAt start: Int) throws(GeoFault) -> Field? {
    let map = try target(of: try field(at: start))
    guard map.type == .map else { throw GeoFault(.fieldType, at: start) }
    var budget = Self.fieldsMax
    var at = map.payload
    for _ in 0..<map.size {
      let head = try field(at: at)
      let name = try target(of: head)
      guard name.type == .text else { throw GeoFault(.key, at: at) }
      at = head.type == .pointer ? head.payload : head.payload + head.size
      if text(name).elementsEqual(key.utf8) { return try target(of: try field(at: at)) }
      at = try skip(at, &budget)
    }
    return nil
  }
}

/// One value of a record. A text lives as long as its table.
enum GeoValue {
  case text(UnsafeBufferPointer<UInt8>)
  case number(Double)
  case integer(Int64)
  case flag(Bool)
}
