extension ScalarFrame {
  /// An input boxed, for the general evaluator; nil if it is missing.
  public func value(ofInput input: Int) -> Value? {
    let cell = cells[input]
    if cell.isMissing { return nil }
    switch set.inputs[input].type {
    case .bool: return .bool(cell.bits != 0)
    case .int: return .int(cell.int)
    case .uint: return .uint(cell.bits)
    case .double: return .double(cell.double)
    case .string: return .string(String(decoding: cell.text, as: UTF8.self))
    case .timestamp: return .timestamp(cell.instant)
    case .duration: return .duration(Interval(nanoseconds: cell.int))
    default:
      let isV4 = cell.bits == 0 && cell.extra >> 32 == 0xFFFF
      return .ip(isV4 ? IPAddress(v4: UInt32(truncatingIfNeeded: cell.extra)) : IPAddress(high: cell.bits, low: cell.extra))
    }
  }
}
