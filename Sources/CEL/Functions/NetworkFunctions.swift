/// Addresses and networks.
enum NetworkFunctions {
  static func apply(_ builtin: Builtin, _ value: Value) throws(EvaluationError) -> Value? {
    switch (builtin, value) {
    case (.ip, .ip), (.cidr, .cidr): return value
    case (.ip, .string(let text)): return .ip(try address(text))
    case (.ip, .cidr(let range)): return .ip(range.address)
    case (.cidr, .string(let text)): return .cidr(try range(text))
    case (.isIP, .string(let text)): return .bool((try? address(text)) != nil)
    case (.isCIDR, .string(let text)): return .bool((try? range(text)) != nil)
    case (.isCanonical, .string(let text)): return .bool(Text.equal(NetworkText.text(try address(text)), text))
    case (.masked, .cidr(let range)): return .cidr(range.masked)
    case (.prefixLength, .cidr(let range)): return .int(Int64(range.prefix))
    case (_, .ip(let address)): return property(builtin, address)
    default: return nil
    }
  }

  static func apply(_ builtin: Builtin, _ value: Value, _ other: Value) throws(EvaluationError) -> Value? {
    guard case .cidr(let range) = value else { return nil }
    switch (builtin, other) {
    case (.containsIP, .ip(let address)): return .bool(range.contains(address))
    case (.containsIP, .string(let text)): return .bool(range.contains(try address(text)))
    case (.containsCIDR, .cidr(let inner)): return .bool(range.contains(inner))
    case (.containsCIDR, .string(let text)): return .bool(range.contains(try self.range(text)))
    default: return nil
    }
  }

  private static func property(_ builtin: Builtin, _ address: IPAddress) -> Value? {
    switch builtin {
    case .family: .int(address.isV4 ? 4 : 6)
    case .isUnspecified: .bool(address.isUnspecified)
    case .isLoopback: .bool(address.isLoopback)
    case .isGlobalUnicast: .bool(address.isGlobalUnicast)
    case .isLinkLocalMulticast: .bool(address.isLinkLocalMulticast)
    case .isLinkLocalUnicast: .bool(address.isLinkLocalUnicast)
    default: nil
    }
  }

  static func address(_ text: String) throws(EvaluationError) -> IPAddress {
    do throws(NetworkText.Fault) { return try NetworkText.address(text) } catch { throw fault(error, text, "IP address") }
  }

  static func range(_ text: String) throws(EvaluationError) -> AddressRange {
    do throws(NetworkText.Fault) { return try NetworkText.range(text) } catch { throw fault(error, text, "network such as 10.0.0.0/8") }
  }

  private static func fault(_ fault: NetworkText.Fault, _ text: String, _ kind: String) -> EvaluationError {
    switch fault {
    case .malformed: EvaluationError(.conversion, "'\(text.prefix(64))' is no \(kind)")
    case .zone: EvaluationError(.conversion, "'\(text.prefix(64))': an address with a zone is not allowed")
    case .mapped: EvaluationError(.conversion, "'\(text.prefix(64))': an IPv4 address written as IPv6 is not allowed")
    }
  }
}
