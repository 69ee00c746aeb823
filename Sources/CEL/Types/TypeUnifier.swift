/// Finds the types that variables stand for, one use after the other.
struct TypeUnifier {
  private var bindings: [Int: ValueType] = [:]
  private var count = 0

  mutating func fresh() -> ValueType {
    count += 1
    return .variable(count)
  }

  /// The type with everything found put in; what is still open stays a variable.
  func resolved(_ type: ValueType) -> ValueType {
    if case .variable(let number) = type { return bindings[number].map(resolved) ?? type }
    let parameters = type.parameters
    return parameters.isEmpty ? type : type.with(parameters.map(resolved))
  }

  /// The type for good: what nothing was found for may be anything.
  func closed(_ type: ValueType) -> ValueType {
    let type = resolved(type)
    if case .variable = type { return .dyn }
    let parameters = type.parameters
    return parameters.isEmpty ? type : type.with(parameters.map(closed))
  }

  /// Whether a value of `type` may stand where `target` is wanted; what this says about variables is kept if it may.
  mutating func assign(_ type: ValueType, to target: ValueType) -> Bool {
    let before = bindings
    if unify(type, target) { return true }
    bindings = before
    return false
  }

  mutating func assign(_ types: [ValueType], to targets: [ValueType]) -> Bool {
    guard types.count == targets.count else { return false }
    let before = bindings
    if zip(types, targets).allSatisfy({ unify($0, $1) }) { return true }
    bindings = before
    return false
  }

  /// The type of elements of both types: the more general if one may stand for the other, else anything.
  mutating func join(_ a: ValueType, _ b: ValueType) -> ValueType {
    if a == .error { return b }
    return assign(a, to: b) ? moreGeneral(a, b) : .dyn
  }

  private mutating func unify(_ a: ValueType, _ b: ValueType) -> Bool {
    if a == b { return true }
    if case .variable(let number) = b, let answer = bind(number, a) { return answer }
    if case .variable(let number) = a, let answer = bind(number, b) { return answer }
    if a == .dyn || b == .dyn || a == .error || b == .error { return true }
    if a == .null { return Self.isNullable(b) }
    if b == .null { return Self.isNullable(a) }
    guard a.isSameKind(as: b) else { return false }
    // Types are values of one type, whatever they are types of.
    if case .type = a { return true }
    return zip(a.parameters, b.parameters).allSatisfy { unify($0, $1) }
  }

  /// nil if the variable may be none of the two's business: it would contain itself.
  private mutating func bind(_ number: Int, _ type: ValueType) -> Bool? {
    if let known = bindings[number] {
      guard unify(type, known) else { return false }
      let general = moreGeneral(type, known)
      if !contains(number, general) { bindings[number] = general }
      return true
    }
    guard !contains(number, type) else { return resolved(type) == .variable(number) ? true : nil }
    bindings[number] = type
    return true
  }

  private func contains(_ number: Int, _ type: ValueType) -> Bool {
    if case .variable(let other) = type { return other == number || bindings[other].map { contains(number, $0) } ?? false }
    return type.parameters.contains { contains(number, $0) }
  }

  private func moreGeneral(_ a: ValueType, _ b: ValueType) -> ValueType { isAsGeneral(a, b) ? a : b }

  private func isAsGeneral(_ a: ValueType, _ b: ValueType) -> Bool {
    if a == .dyn { return true }
    if case .variable = a { return true }
    if b == .dyn { return false }
    if case .variable = b { return false }
    if a == .null || b == .null { return b == .null }
    return a.isSameKind(as: b) && zip(a.parameters, b.parameters).allSatisfy { isAsGeneral($0, $1) }
  }

  private static func isNullable(_ type: ValueType) -> Bool {
    switch type {
    case .timestamp, .duration, .optional, .abstract, .null: true
    default: false
    }
  }

  /// A signature's parameters as new variables.
  mutating func instance(of signature: Signature) -> (arguments: [ValueType], result: ValueType) {
    var variables: [String: ValueType] = [:]
    for name in signature.parameterNames { variables[name] = fresh() }
    func replaced(_ type: ValueType) -> ValueType {
      if case .parameter(let name) = type { return variables[name] ?? .dyn }
      let parameters = type.parameters
      return parameters.isEmpty ? type : type.with(parameters.map(replaced))
    }
    return (signature.arguments.map(replaced), replaced(signature.result))
  }
}
