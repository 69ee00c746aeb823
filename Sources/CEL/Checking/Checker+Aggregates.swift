extension Checker {
  mutating func list(_ elements: [Expression.Element]) -> ValueType {
    var joined: ValueType?
    for element in elements {
      let type = element.isOptional ? unwrapped(element.value) : check(element.value)
      joined = joined.map { unifier.join($0, type) } ?? type
    }
    return .list(joined ?? unifier.fresh())
  }

  mutating func map(_ entries: [Expression.Entry]) -> ValueType {
    var keys: ValueType?
    var values: ValueType?
    for entry in entries {
      let key = check(entry.key)
      let resolved = unifier.resolved(key)
      if isStrict, ![.bool, .int, .uint, .string, .dyn, .error].contains(resolved), !isVariable(resolved) {
        _ = report(entry.key, .invalidArgument, "unsupported key type: \(unifier.closed(key)); keys are int, uint, bool or string")
      }
      keys = keys.map { unifier.join($0, key) } ?? key
      let value = entry.isOptional ? unwrapped(entry.value) : check(entry.value)
      values = values.map { unifier.join($0, value) } ?? value
    }
    return .map(keys ?? unifier.fresh(), values ?? unifier.fresh())
  }

  private func isVariable(_ type: ValueType) -> Bool {
    if case .variable = type { true } else { false }
  }

  /// What is inside an optional element.
  private mutating func unwrapped(_ node: Expression) -> ValueType {
    let type = unifier.resolved(check(node))
    let inner = unifier.fresh()
    guard !isStrict || unifier.assign(type, to: .optional(inner)) else {
      return report(node, .noSuchOverload, "'?' takes an optional, not \(unifier.closed(type))")
    }
    return type == .dyn ? .dyn : inner
  }

  mutating func comprehension(_ loop: Comprehension, _ node: Expression) -> ValueType {
    let range = unifier.resolved(check(loop.range))
    var variables: [(String, ValueType)]
    switch range {
    case .list(let element): variables = loop.second.map { [(loop.first, .int), ($0, element)] } ?? [(loop.first, element)]
    case .map(let key, let value): variables = loop.second.map { [(loop.first, key), ($0, value)] } ?? [(loop.first, key)]
    case .dyn, .error, .variable:
      if case .variable = range { _ = unifier.assign(.dyn, to: range) }
      variables = [loop.first, loop.second].compactMap { $0 }.map { ($0, .dyn) }
    default:
      return report(node, at: loop.range.offset, .noSuchOverload, "a loop runs over a list or a map, not over \(unifier.closed(range))")
    }
    locals += variables.map { (name: $0.0, type: $0.1) }
    defer { locals.removeLast(variables.count) }
    if let filter = loop.filter { condition(filter) }
    switch loop.fold {
    case .all, .exists, .existsOne:
      condition(loop.body)
      return .bool
    case .list: return .list(check(loop.body))
    case .map:
      let value = check(loop.body)
      return .map(variables[0].1, value)
    case .entries:
      let type = unifier.resolved(check(loop.body))
      if case .map = type { return type }
      if type == .dyn || type == .error { return .map(.dyn, .dyn) }
      return report(loop.body, .noSuchOverload, "transformMapEntry() takes a map such as {key: value}, not \(unifier.closed(type))")
    }
  }

  private mutating func condition(_ node: Expression) {
    let type = check(node)
    if isStrict, !unifier.assign(type, to: .bool) {
      _ = report(node, .noSuchOverload, "a condition is bool, not \(unifier.closed(type))")
    }
  }

  mutating func optionalMap(_ target: Expression, _ variable: String, _ body: Expression, _ isFlat: Bool) -> ValueType {
    let inner = unwrapped(target)
    locals.append((variable, inner))
    defer { locals.removeLast() }
    let result = check(body)
    guard isFlat else { return .optional(result) }
    let type = unifier.fresh()
    guard !isStrict || unifier.assign(result, to: .optional(type)) else {
      return report(body, .noSuchOverload, "optFlatMap() takes an optional, not \(unifier.closed(result))")
    }
    return .optional(type)
  }
}
