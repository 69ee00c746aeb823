/// The functions with the names of types.
enum Conversion {
  static func apply(_ builtin: Builtin, _ value: Value) throws(EvaluationError) -> Value? {
    switch builtin {
    case .dyn: value
    case .type: .type(value.typeName)
    case .bool: try bool(value)
    case .bytes: bytes(value)
    case .double: try double(value)
    case .duration: try duration(value)
    case .int: try int(value)
    case .string: try string(value)
    case .timestamp: try timestamp(value)
    case .uint: try uint(value)
    default: nil
    }
  }

  private static func unreadable(_ text: String, _ type: String) -> EvaluationError {
    EvaluationError(.conversion, "'\(text.prefix(64))' is no \(type)")
  }

  private static func outOfRange(_ type: String) -> EvaluationError { EvaluationError(.overflow, "\(type) out of range") }

  private static func bool(_ value: Value) throws(EvaluationError) -> Value? {
    switch value {
    case .bool: return value
    case .string(let text):
      switch text {
      case "1", "t", "true", "TRUE", "True": return .bool(true)
      case "0", "f", "false", "FALSE", "False": return .bool(false)
      default: throw unreadable(text, "bool")
      }
    default: return nil
    }
  }

  private static func bytes(_ value: Value) -> Value? {
    switch value {
    case .bytes: value
    case .string(let text): .bytes(Array(text.utf8))
    default: nil
    }
  }

  private static func double(_ value: Value) throws(EvaluationError) -> Value? {
    if case .string(let text) = value {
      guard let number = DecimalText.double(text) else { throw unreadable(text, "double") }
      return .double(number)
    }
    return value.number.map { .double($0.asDouble) }
  }

  private static func int(_ value: Value) throws(EvaluationError) -> Value? {
    switch value {
    case .int: return value
    case .uint(let number):
      guard let int = Int64(exactly: number) else { throw outOfRange("int") }
      return .int(int)
    case .double(let number):
      guard let int = wholeInt(number) else { throw outOfRange("int") }
      return .int(int)
    case .string(let text):
      guard let int = Int64(text) else { throw unreadable(text, "int") }
      return .int(int)
    case .timestamp(let instant): return .int(instant.seconds)
    case .duration(let interval): return .int(interval.nanoseconds / Instant.billion)
    default: return nil
    }
  }

  /// Towards zero. Both ends are out of range: whoever computed them meant more.
  static func wholeInt(_ number: Double) -> Int64? {
    number > -0x1p63 && number < 0x1p63 ? Int64(number) : nil
  }

  static func wholeUInt(_ number: Double) -> UInt64? {
    number > -1 && number < 0x1p64 ? UInt64(number.rounded(.towardZero)) : nil
  }

  private static func uint(_ value: Value) throws(EvaluationError) -> Value? {
    switch value {
    case .uint: return value
    case .int(let number):
      guard let uint = UInt64(exactly: number) else { throw outOfRange("uint") }
      return .uint(uint)
    case .double(let number):
      guard number >= 0, let uint = wholeUInt(number) else { throw outOfRange("uint") }
      return .uint(uint)
    case .string(let text):
      guard let uint = UInt64(text) else { throw unreadable(text, "uint") }
      return .uint(uint)
    default: return nil
    }
  }

  static func string(_ value: Value) throws(EvaluationError) -> Value? {
    switch value {
    case .string: return value
    case .bool(let truth): return .string(truth ? "true" : "false")
    case .int(let number): return .string(String(number))
    case .uint(let number): return .string(String(number))
    case .double(let number): return .string(DecimalText.text(number))
    case .bytes(let bytes):
      guard let text = String(validating: bytes, as: UTF8.self) else { throw EvaluationError(.conversion, "the bytes are no UTF-8") }
      return .string(text)
    case .timestamp(let instant): return .string(TimeText.text(instant))
    case .duration(let interval): return .string(TimeText.text(interval))
    case .ip(let address): return .string(NetworkText.text(address))
    case .cidr(let range): return .string(NetworkText.text(range))
    default: return nil
    }
  }

  private static func timestamp(_ value: Value) throws(EvaluationError) -> Value? {
    switch value {
    case .timestamp: return value
    case .string(let text):
      guard let instant = TimeText.instant(text) else { throw unreadable(text, "timestamp of RFC 3339, years 0001 to 9999") }
      return .timestamp(instant)
    case .int(let seconds):
      guard let instant = Instant(checkedSeconds: seconds) else { throw outOfRange("timestamp") }
      return .timestamp(instant)
    default: return nil
    }
  }

  private static func duration(_ value: Value) throws(EvaluationError) -> Value? {
    switch value {
    case .duration: return value
    case .string(let text):
      guard let interval = TimeText.interval(text) else { throw unreadable(text, "duration such as 1h30m") }
      return .duration(interval)
    case .int(let seconds):
      let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: Instant.billion)
      guard !overflow else { throw outOfRange("duration") }
      return .duration(Interval(nanoseconds: nanoseconds))
    default: return nil
    }
  }
}
