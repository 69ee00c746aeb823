/// Finds names and types (langdef, Gradual Type Checking). Goes on behind a fault, so that one run names them all.
struct Checker {
  let environment: Environment
  /// Types are held against the signatures; otherwise everything is `dyn` and only names are found.
  let isStrict: Bool
  var unifier = TypeUnifier()
  var types: [Int: ValueType] = [:]
  var references: [Int: CheckedExpression.Reference] = [:]
  var issues: [ExpressionIssue] = []
  /// Variables of comprehensions and bindings, the innermost last.
  var locals: [(name: String, type: ValueType)] = []
  /// Nodes behind `in`, where alone a table may stand.
  var tablePlaces: Set<Int> = []

  init(environment: Environment, isStrict: Bool) {
    self.environment = environment
    self.isStrict = isStrict
  }

  /// Without strictness, the node fails when it is evaluated.
  mutating func report(_ node: Expression, at offset: Int? = nil, _ code: EvaluationError.Code, _ message: String) -> ValueType {
    guard isStrict else {
      references[node.id] = .failure(EvaluationError(code, message))
      return .dyn
    }
    issues.append(ExpressionIssue(offset: offset ?? node.offset, message: message))
    return .error
  }

  mutating func check(_ node: Expression) -> ValueType {
    let type = find(node)
    let kept = isStrict ? type : .dyn
    types[node.id] = kept
    return kept
  }

  private mutating func find(_ node: Expression) -> ValueType {
    switch node.kind {
    case .literal(let value): return Self.type(of: value)
    case .identifier(let name): return identifier(name, node)
    case .select(let operand, let field, let isTest): return select(operand, field, isTest, node)
    case .call(let target, let function, let arguments): return call(target, function, arguments, node)
    case .list(let elements): return list(elements)
    case .map(let entries): return map(entries)
    case .structure(let name, _):
      return report(node, .unknownName, "'\(name)' is no message type: messages can't be made here")
    case .comprehension(let loop): return comprehension(loop, node)
    case .bindings(let bindings, let result):
      for binding in bindings { locals.append((binding.name, check(binding.value))) }
      defer { locals.removeLast(bindings.count) }
      return check(result)
    case .optionalMap(let target, let variable, let body, let isFlat):
      return optionalMap(target, variable, body, isFlat)
    }
  }

  static func type(of value: Value) -> ValueType {
    switch value {
    case .null: .null
    case .bool: .bool
    case .int: .int
    case .uint: .uint
    case .double: .double
    case .string: .string
    case .bytes: .bytes
    default: .dyn
    }
  }

  // MARK: Names

  private mutating func identifier(_ name: String, _ node: Expression) -> ValueType {
    if let type = resolve(name, node) { return type }
    return unknown(name, node)
  }

  private mutating func unknown(_ name: String, _ node: Expression) -> ValueType {
    let known = Array(environment.variables.keys) + Array(environment.tables.keys) + locals.map(\.name)
    let advice = Self.nearest(name, to: known).map { "; did you mean '\($0)'?" } ?? ""
    return report(node, at: node.start, .unknownName, "there is no variable '\(name)'\(advice)")
  }

  /// nil where the name means nothing.
  private mutating func resolve(_ name: String, _ node: Expression) -> ValueType? {
    if let local = locals.last(where: { $0.name == name }) {
      references[node.id] = .local(name)
      return local.type
    }
    for candidate in environment.candidates(name) {
      if let type = environment.variables[candidate] {
        references[node.id] = .variable(candidate)
        return type
      }
      if let table = environment.tables[candidate] {
        references[node.id] = .table(candidate)
        guard !isStrict || tablePlaces.contains(node.id) else {
          return report(node, at: node.start, .noSuchOverload, "a list is asked by 'in' alone: value in \(candidate)")
        }
        return .table(of: table.element)
      }
      if let type = ValueType.named[candidate] {
        references[node.id] = .constant(.type(candidate))
        return .type(type)
      }
    }
    return nil
  }

  /// Whether the name's first part is a variable of a comprehension.
  func isLocal(_ dottedName: String) -> Bool {
    let root = dottedName.prefix { $0 != "." }
    return locals.contains { $0.name == root }
  }

  private mutating func select(_ operand: Expression, _ field: String, _ isTest: Bool, _ node: Expression) -> ValueType {
    // The longest name that means something counts: `a.b.c` before the field `c` of `a.b`.
    if let prefix = operand.dottedName, !isLocal(prefix), let type = resolve("\(prefix).\(field)", node) {
      return isTest ? .bool : type
    }
    // Of a name that means nothing whatever part of it is taken, the whole is told: no `a` where `a.b` was meant.
    if isStrict, let prefix = operand.dottedName, !isLocal(prefix), !isKnown(prefix) { return unknown("\(prefix).\(field)", node) }
    let type = unifier.resolved(check(operand))
    let found = fieldType(type, field, node)
    return isTest ? .bool : found
  }

  /// Whether the name, or what stands before one of its dots, means something.
  private func isKnown(_ dottedName: String) -> Bool {
    var name = dottedName[...]
    while true {
      for candidate in environment.candidates(String(name))
      where environment.variables[candidate] != nil || environment.tables[candidate] != nil || ValueType.named[candidate] != nil {
        return true
      }
      guard let dot = name.lastIndex(of: ".") else { return false }
      name = name[..<dot]
    }
  }

  private mutating func fieldType(_ type: ValueType, _ field: String, _ node: Expression) -> ValueType {
    switch type {
    case .dyn, .error: return .dyn
    case .variable:
      _ = unifier.assign(.dyn, to: type)
      return .dyn
    case .map(let key, let value):
      guard unifier.assign(.string, to: key) else {
        return report(node, .noSuchOverload, "the keys of \(unifier.closed(type)) are no strings: it has no fields")
      }
      return value
    case .optional(let inner):
      let found = fieldType(unifier.resolved(inner), field, node)
      return found == .error ? .error : .optional(found)
    default:
      return report(node, .noSuchOverload, "a value of type \(unifier.closed(type)) has no field '\(field)'")
    }
  }

  mutating func optionalField(_ operand: Expression, _ field: Expression, _ node: Expression) -> ValueType {
    references[node.id] = .function(.optionalSelect, isMethod: false)
    guard case .literal(.string(let name)) = field.kind else { return .dyn }
    let type = fieldType(unifier.resolved(check(operand)), name, node)
    if case .optional = type { return type }
    return type == .error ? .error : .optional(type)
  }

  /// A known name at most two letters away.
  static func nearest(_ name: String, to names: [String]) -> String? {
    names.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }
      .filter { $0.1 <= 2 && $0.1 < name.utf8.count }.min { ($0.1, $0.0) < ($1.1, $1.0) }?.0
  }

  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    guard abs(a.count - b.count) <= 2, a.count <= 64, b.count <= 64 else { return .max }
    var row = Array(0...b.count)
    for (i, byte) in a.enumerated() {
      var corner = row[0]
      row[0] = i + 1
      for (j, other) in b.enumerated() {
        (corner, row[j + 1]) = (row[j + 1], min(row[j + 1] + 1, row[j] + 1, corner + (byte == other ? 0 : 1)))
      }
    }
    return row[b.count]
  }
}
