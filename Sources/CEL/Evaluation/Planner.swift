/// Makes a plan of a checked expression.
struct Planner {
  let checked: CheckedExpression
  let environment: Environment
  private(set) var inputs: [String] = []
  private(set) var slotCount = 0
  private var locals: [(name: String, slot: Int)] = []

  init(_ checked: CheckedExpression, _ environment: Environment) {
    self.checked = checked
    self.environment = environment
  }

  mutating func plan(_ node: Expression) -> Plan {
    if case .failure(let error) = checked.references[node.id] { return .failure(error) }
    switch node.kind {
    case .literal(let value): return .constant(value)
    case .identifier: return name(node) ?? .failure(EvaluationError(.unknownName, "the name means nothing"))
    case .select(let operand, let field, let isTest):
      if isTest, case .variable(let name) = checked.references[node.id] { return .hasInput(input(name)) }
      if let named = name(node) { return named }
      let operand = plan(operand)
      return isTest ? .hasField(operand, field) : .select(operand, field)
    case .call(let target, _, let arguments): return call(node, target, arguments)
    case .list(let elements):
      return fold(.list(elements.map { Plan.Element(plan: plan($0.value), isOptional: $0.isOptional) }))
    case .map(let entries):
      return fold(.map(entries.map { Plan.Entry(key: plan($0.key), value: plan($0.value), isOptional: $0.isOptional) }))
    case .structure: return .failure(EvaluationError(.unknownName, "messages can't be made here"))
    case .comprehension(let loop): return comprehension(loop)
    case .bindings(let bindings, let result):
      let plans = bindings.map { binding in
        let plan = plan(binding.value)
        return Plan.Binding(slot: local(binding.name), plan: plan)
      }
      defer { locals.removeLast(bindings.count) }
      return .bindings(plans, plan(result))
    case .optionalMap(let target, let variable, let body, let isFlat):
      let target = plan(target)
      let slot = local(variable)
      defer { locals.removeLast() }
      return .optionalMap(target, slot: slot, body: plan(body), isFlat: isFlat)
    }
  }

  private mutating func local(_ name: String) -> Int {
    locals.append((name, slotCount))
    slotCount += 1
    return slotCount - 1
  }

  private mutating func input(_ name: String) -> Int {
    if let index = inputs.firstIndex(of: name) { return index }
    inputs.append(name)
    return inputs.count - 1
  }

  /// What a name stands for; nil where the node is no name.
  private mutating func name(_ node: Expression) -> Plan? {
    switch checked.references[node.id] {
    case .variable(let name): .input(input(name))
    case .local(let name): locals.last { $0.name == name }.map { .slot($0.slot) }
    case .constant(let value): .constant(value)
    default: nil
    }
  }

  private mutating func comprehension(_ loop: Comprehension) -> Plan {
    let range = plan(loop.range)
    let first = local(loop.first)
    let second = loop.second.map { local($0) }
    defer { locals.removeLast(second == nil ? 1 : 2) }
    let filter = loop.filter.map { plan($0) }
    return .loop(Plan.Loop(fold: loop.fold, range: range, firstSlot: first, secondSlot: second, filter: filter, body: plan(loop.body)))
  }

  private mutating func call(_ node: Expression, _ target: Expression?, _ arguments: [Expression]) -> Plan {
    guard case .function(let builtin, let isMethod) = checked.references[node.id] else {
      return .failure(EvaluationError(.unknownName, "unknown function"))
    }
    if builtin == .contained, case .table(let name) = checked.references[arguments[1].id], let table = environment.tables[name] {
      return .member(plan(arguments[0]), table)
    }
    let parts = (isMethod ? [target!] + arguments : arguments).map { plan($0) }
    switch (builtin, parts.count) {
    case (.and, _): return parts.contains { $0.isConstant(false) } ? .constant(.bool(false)) : .and(parts)
    case (.or, _): return parts.contains { $0.isConstant(true) } ? .constant(.bool(true)) : .or(parts)
    case (.conditional, 3):
      if case .constant(.bool(let condition)) = parts[0] { return condition ? parts[1] : parts[2] }
      return .conditional(parts[0], parts[1], parts[2])
    case (.dyn, 1): return parts[0]
    case (.matches, 2):
      guard case .constant(.string(let text)) = parts[1], let pattern = try? Pattern(text) else { break }
      return fold(.matches(parts[0], pattern))
    default: break
    }
    return switch parts.count {
    case 1: fold(.unary(builtin, parts[0]))
    case 2: fold(.binary(builtin, parts[0], parts[1]))
    default: fold(.call(builtin, parts))
    }
  }

  /// The value if everything in it is known. What fails, or takes long, stays as it is, for when it is evaluated.
  private func fold(_ plan: Plan) -> Plan {
    guard plan.hasConstantParts else { return plan }
    var evaluation = Evaluation(inputs: [], slotCount: 0, zones: environment.zones, steps: min(environment.limits.stepsMax, 10_000))
    guard let value = try? evaluation.value(of: plan) else { return plan }
    return .constant(value)
  }
}

extension Plan {
  func isConstant(_ value: Bool) -> Bool {
    if case .constant(.bool(value)) = self { true } else { false }
  }

  private var isConstant: Bool {
    if case .constant = self { true } else { false }
  }

  fileprivate var hasConstantParts: Bool {
    switch self {
    case .unary(_, let a), .matches(let a, _): a.isConstant
    case .binary(_, let a, let b): a.isConstant && b.isConstant
    case .call(_, let parts): parts.allSatisfy(\.isConstant)
    case .list(let elements): elements.allSatisfy { $0.plan.isConstant }
    case .map(let entries): entries.allSatisfy { $0.key.isConstant && $0.value.isConstant }
    default: false
    }
  }
}
