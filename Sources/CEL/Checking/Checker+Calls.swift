extension Checker {
  mutating func call(_ target: Expression?, _ function: String, _ arguments: [Expression], _ node: Expression) -> ValueType {
    switch function {
    case "_&&_", "_||_": return logical(arguments, function == "_&&_" ? .and : .or, node)
    case "_?._": return optionalField(arguments[0], arguments[1], node)
    default: break
    }
    guard let target else { return global(function, arguments, node) }
    // `math.ceil(x)` is a function with a qualified name unless `math` is a variable of a comprehension.
    if let prefix = target.dottedName, !isLocal(prefix) {
      let name = "\(prefix).\(function)"
      if Self.isExtreme(name) { return extreme(name, arguments, node) }
      for candidate in environment.candidates(name) where !environment.signatures(of: candidate, areMethods: false).isEmpty {
        return resolve(candidate, isMethod: false, arguments, node)
      }
    }
    if environment.signatures(of: function, areMethods: true).isEmpty {
      // The target's own fault first: a misspelt variable matters more than the method.
      for part in [target] + arguments { _ = check(part) }
      let near = Self.nearest(function, to: Array(StandardSignatures.methods.keys) + Array(Macro.loops))
      return report(node, .unknownName, "there is no method '\(function)'\(near.map { "; did you mean '\($0)'?" } ?? "")")
    }
    return resolve(function, isMethod: true, [target] + arguments, node)
  }

  private mutating func global(_ function: String, _ arguments: [Expression], _ node: Expression) -> ValueType {
    for candidate in environment.candidates(function) where !environment.signatures(of: candidate, areMethods: false).isEmpty {
      return resolve(candidate, isMethod: false, arguments, node)
    }
    for argument in arguments { _ = check(argument) }
    if StandardSignatures.methods[function] != nil {
      return report(node, .unknownName, "'\(function)' is a method: write value.\(function)(...)")
    }
    let near = Self.nearest(function, to: Array(StandardSignatures.functions.keys) + Array(environment.functions.keys))
    return report(node, .unknownName, "there is no function '\(function)'\(near.map { "; did you mean '\($0)'?" } ?? "")")
  }

  private mutating func logical(_ operands: [Expression], _ builtin: Builtin, _ node: Expression) -> ValueType {
    references[node.id] = .function(builtin, isMethod: false)
    for operand in operands {
      let type = check(operand)
      if isStrict, !unifier.assign(type, to: .bool) {
        return report(node, at: operand.offset, .noSuchOverload, "'\(builtin.symbol)' takes bool, not \(unifier.closed(type))")
      }
    }
    return .bool
  }

  /// Picks the overloads that fit. Several fit where arguments are `dyn`; then the result is `dyn` unless all agree.
  private mutating func resolve(_ name: String, isMethod: Bool, _ arguments: [Expression], _ node: Expression) -> ValueType {
    let signatures = environment.signatures(of: name, areMethods: isMethod)
    if name == Builtin.contained.rawValue { tablePlaces.insert(arguments[1].id) }
    let types = arguments.map { check($0) }
    guard let builtin = Builtin(rawValue: name) else {
      return declared(name, signatures, types, node)
    }
    references[node.id] = .function(builtin, isMethod: isMethod)
    guard isStrict else {
      if signatures.contains(where: { $0.arguments.count == arguments.count }) { return .dyn }
      return report(node, .noSuchOverload, "no such overload: \(builtin.symbol) with \(arguments.count) arguments")
    }
    if types.contains(.error) { return .error }
    guard let result = fit(signatures, types) else { return report(node, .noSuchOverload, misfit(builtin, isMethod, signatures, types)) }
    if let fault = constantFault(builtin, arguments) { return report(node, at: fault.offset, .invalidArgument, fault.message) }
    return result
  }

  /// A function of the embedder, of which only the types are known.
  private mutating func declared(_ name: String, _ signatures: [Signature], _ types: [ValueType], _ node: Expression) -> ValueType {
    references[node.id] = .failure(EvaluationError(.unknownName, "the function '\(name)' can't be evaluated"))
    guard isStrict else { return .dyn }
    return fit(signatures, types) ?? report(node, .noSuchOverload, "no such overload: \(name)(\(list(types)))")
  }

  private mutating func fit(_ signatures: [Signature], _ types: [ValueType]) -> ValueType? {
    var result: ValueType?
    for signature in signatures {
      let instance = unifier.instance(of: signature)
      guard unifier.assign(types, to: instance.arguments) else { continue }
      let type = unifier.resolved(instance.result)
      if let known = result, known != type { return .dyn }
      result = type
    }
    return result
  }

  private func list(_ types: [ValueType]) -> String { types.map { unifier.closed($0).description }.joined(separator: ", ") }

  private func misfit(_ builtin: Builtin, _ isMethod: Bool, _ signatures: [Signature], _ types: [ValueType]) -> String {
    if builtin.isOperator {
      var message = "no such overload: '\(builtin.symbol)' of \(list(types))"
      let numbers: Set<ValueType> = [.int, .uint, .double]
      if types.count == 2, types.map({ unifier.closed($0) }).allSatisfy(numbers.contains) {
        message += "; numbers of different types don't mix: convert one, as in double(x)"
      }
      return message
    }
    let given =
      isMethod ? "\(list([types[0]])).\(builtin.rawValue)(\(list(Array(types.dropFirst()))))" : "\(builtin.rawValue)(\(list(types)))"
    let known = signatures.prefix(3).map { signature in
      let arguments = signature.arguments.map(\.description)
      return isMethod
        ? "\(arguments[0]).\(builtin.rawValue)(\(arguments.dropFirst().joined(separator: ", ")))"
        : "\(builtin.rawValue)(\(arguments.joined(separator: ", ")))"
    }
    return "no such overload: \(given); there is \(known.joined(separator: ", "))"
  }

  /// What a constant argument shows to be wrong before anything is evaluated: patterns, for one.
  private func constantFault(_ builtin: Builtin, _ arguments: [Expression]) -> (offset: Int, message: String)? {
    guard builtin == .matches, case .literal(.string(let pattern)) = arguments[1].kind else { return nil }
    do throws(PatternError) {
      _ = try Pattern(pattern)
      return nil
    } catch {
      return (arguments[1].offset, error.message)
    }
  }

  // MARK: math.greatest, math.least

  static func isExtreme(_ name: String) -> Bool { name == "math.greatest" || name == "math.least" }

  /// Any number of numbers, or one list of them.
  private mutating func extreme(_ name: String, _ arguments: [Expression], _ node: Expression) -> ValueType {
    references[node.id] = .function(name == "math.greatest" ? .greatest : .least, isMethod: false)
    guard !arguments.isEmpty else { return report(node, .noSuchOverload, "\(name)() takes at least one number") }
    var types = arguments.map { unifier.resolved(check($0)) }
    guard isStrict else { return .dyn }
    if types.count == 1, case .list(let element) = types[0] {
      if case .list(let elements) = arguments[0].kind, elements.isEmpty {
        return report(node, .invalidArgument, "\(name)() takes a list that is not empty")
      }
      types = [unifier.resolved(element)]
    }
    let numbers: Set<ValueType> = [.int, .uint, .double, .dyn, .error]
    if let other = types.first(where: { !numbers.contains($0) }) {
      return report(node, .noSuchOverload, "no such overload: \(name)() takes numbers, not \(unifier.closed(other))")
    }
    return types.dropFirst().allSatisfy { $0 == types[0] } ? types[0] : .dyn
  }
}
