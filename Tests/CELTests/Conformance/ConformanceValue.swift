@testable import CEL

/// `cel.expr.Value` and `cel.expr.Type` of the files.
enum ConformanceValue {
  static func value(_ proto: TextProto) throws -> Value {
    guard let first = proto.fields.first else { throw TextProto.Fault(description: "an empty value") }
    let (name, field) = (first.name, first.value)
    switch (name, field) {
    case ("null_value", _): return .null
    case ("bool_value", .word(let word)): return .bool(word == "true")
    case ("int64_value", .word(let word)): return .int(try number(word, Int64.init))
    case ("uint64_value", .word(let word)): return .uint(try number(word, UInt64.init))
    case ("double_value", .word(let word)): return .double(try double(word))
    case ("string_value", .text(let bytes)): return .string(String(decoding: bytes, as: UTF8.self))
    case ("bytes_value", .text(let bytes)): return .bytes(bytes)
    case ("type_value", .text(let bytes)): return .type(String(decoding: bytes, as: UTF8.self))
    case ("list_value", .message(let list)): return .list(try list.messages("values").map(value))
    case ("map_value", .message(let map)):
      var result = MapValue()
      for entry in map.messages("entries") {
        guard let key = entry.message("key"), let element = entry.message("value") else {
          throw TextProto.Fault(description: "a map's entry")
        }
        _ = try result.insert(try value(element), for: try value(key))
      }
      return .map(result)
    case ("enum_value", _): throw ConformanceTest.LeftOut.enumeration
    case ("object_value", .message(let object)): return try wellKnown(object)
    default: throw TextProto.Fault(description: "a value of the kind \(name)")
    }
  }

  private static func number<T>(_ word: String, _ convert: (String) -> T?) throws -> T {
    guard let value = convert(word) else { throw TextProto.Fault(description: "the number \(word)") }
    return value
  }

  private static func double(_ word: String) throws -> Double {
    switch word.lowercased() {
    case "inf", "infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    case "nan": return .nan
    default: return try number(word, { Double($0) })
    }
  }

  /// Timestamps and durations; every other message is one that we don't have.
  private static func wellKnown(_ object: TextProto) throws -> Value {
    guard let first = object.fields.first, case .message(let message) = first.value else { throw ConformanceTest.LeftOut.message }
    let name = first.name
    let seconds = message.word("seconds").flatMap { Int64($0) } ?? 0
    let nanoseconds = message.word("nanos").flatMap { Int64($0) } ?? 0
    if name.contains("google.protobuf.Timestamp]"), let instant = Instant(checkedSeconds: seconds, nanoseconds: nanoseconds) {
      return .timestamp(instant)
    }
    if name.contains("google.protobuf.Duration]") {
      return .duration(Interval(nanoseconds: seconds * 1_000_000_000 + nanoseconds))
    }
    throw ConformanceTest.LeftOut.message
  }

  static func type(_ proto: TextProto) throws -> ValueType {
    guard let first = proto.fields.first else { throw TextProto.Fault(description: "an empty type") }
    let (name, field) = (first.name, first.value)
    switch (name, field) {
    case ("dyn", _): return .dyn
    case ("null", _): return .null
    case ("primitive", .word(let word)): return try primitive(word)
    case ("well_known", .word("TIMESTAMP")): return .timestamp
    case ("well_known", .word("DURATION")): return .duration
    case ("type_param", .text(let bytes)): return .parameter(String(decoding: bytes, as: UTF8.self))
    case ("list_type", .message(let list)): return .list(try list.message("elem_type").map(type) ?? .dyn)
    case ("map_type", .message(let map)):
      return .map(try map.message("key_type").map(type) ?? .dyn, try map.message("value_type").map(type) ?? .dyn)
    case ("type", .message(let inner)): return .type(inner.fields.isEmpty ? .dyn : try type(inner))
    case ("abstract_type", .message(let abstract)):
      let parameters = try abstract.messages("parameter_types").map(type)
      let name = abstract.text("name") ?? ""
      return name == "optional_type" ? .optional(parameters.first ?? .dyn) : .abstract(name, parameters)
    case ("message_type", .text(let bytes)):
      switch String(decoding: bytes, as: UTF8.self) {
      case "google.protobuf.Timestamp": return .timestamp
      case "google.protobuf.Duration": return .duration
      default: throw ConformanceTest.LeftOut.message
      }
    case ("wrapper", _), ("well_known", _): throw ConformanceTest.LeftOut(reason: "needs a protobuf wrapper type")
    default: throw TextProto.Fault(description: "a type of the kind \(name)")
    }
  }

  private static func primitive(_ word: String) throws -> ValueType {
    switch word {
    case "BOOL": return .bool
    case "INT64": return .int
    case "UINT64": return .uint
    case "DOUBLE": return .double
    case "STRING": return .string
    case "BYTES": return .bytes
    default: throw TextProto.Fault(description: "the type \(word)")
    }
  }

  /// Equal, of the same types all through, signs of zero and not-a-numbers included.
  static func isSame(_ a: Value, _ b: Value) -> Bool {
    switch (a, b) {
    case (.double(let a), .double(let b)): a.isNaN ? b.isNaN : a == b && a.sign == b.sign
    case (.list(let a), .list(let b)): a.count == b.count && zip(a, b).allSatisfy(isSame)
    case (.map(let a), .map(let b)):
      a.count == b.count
        && a.entries.allSatisfy { entry in
          b.entries.contains { isSame($0.key, entry.key) && isSame($0.value, entry.value) }
        }
    default: a.typeName == b.typeName && Value.equal(a, b)
    }
  }
}
