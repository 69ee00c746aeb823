/// Translates checked expressions whose values are all scalars into instructions over cells.
struct ScalarCompiler {
  let environment: Environment
  let checked: CheckedExpression
  var pool: ScalarPool
  var code = ScalarCode()
  /// What the variables of bindings and unrolled loops stand for, the innermost last.
  var locals: [(name: String, meaning: Local)] = []
  /// Nodes that name no variable: their values are known.
  private var closedNodes: Set<Int> = []
  /// Bindings put in for their names, inside one another.
  private var substitutions = 0
  private static let substitutionsMax = 64
  private var fallible: [Int: Bool] = [:]

  indirect enum Local {
    /// An expression in the scope of the locals before it.
    case node(Expression, depth: Int)
    case cell(UInt16, ValueType)
  }

  init(_ checked: CheckedExpression, in environment: Environment, pool: ScalarPool) {
    self.checked = checked
    self.environment = environment
    self.pool = pool
    _ = findClosed(checked.expression)
  }

  /// The whole program, which ends with a bool or with the value.
  mutating func compile() throws(ScalarRefusal) {
    let failed = code.label()
    if checked.type == .bool {
      let isFalse = code.label()
      try condition(checked.expression, jumpIf: false, to: isFalse, onError: failed)
      try code.append(.returnTrue)
      code.place(isFalse)
      try code.append(.returnFalse)
    } else {
      let value = try self.value(checked.expression, onError: failed)
      try code.append(.returnValue, value.cell)
    }
    code.place(failed)
    try code.append(.fail)
  }

  private mutating func findClosed(_ node: Expression) -> Bool {
    var isClosed = true
    for child in node.children where !findClosed(child) { isClosed = false }
    switch checked.references[node.id] {
    case .variable, .table, .local, .failure: isClosed = false
    default: break
    }
    if isClosed { closedNodes.insert(node.id) }
    return isClosed
  }

  /// The value of a node that depends on nothing; nil if it depends on something or fails.
  func constant(_ node: Expression) -> Value? {
    guard closedNodes.contains(node.id) else { return nil }
    var planner = Planner(checked, environment)
    if case .constant(let value) = planner.plan(node) { return value }
    return nil
  }

  func type(_ node: Expression) -> ValueType {
    if case .local(let name) = checked.references[node.id], let local = locals.last(where: { $0.name == name }) {
      switch local.meaning {
      case .node(let meaning, _): return checked.types[meaning.id] ?? .dyn
      case .cell(_, let type): return type
      }
    }
    return checked.types[node.id] ?? .dyn
  }

  /// Runs `body` as if only the first `depth` locals were there.
  mutating func inScope<T>(_ depth: Int, _ body: (inout ScalarCompiler) throws(ScalarRefusal) -> T) throws(ScalarRefusal) -> T {
    guard substitutions < Self.substitutionsMax else { throw ScalarRefusal(reason: "bindings ask for one another too deeply") }
    substitutions += 1
    defer { substitutions -= 1 }
    let hidden = Array(locals[depth...])
    locals.removeLast(hidden.count)
    defer { locals += hidden }
    return try body(&self)
  }

  func refusal(_ node: Expression, _ what: String) -> ScalarRefusal {
    let (line, column) = checked.source.position(of: node.offset)
    return ScalarRefusal(reason: "\(line):\(column): \(what)")
  }

  /// Whether evaluating the node may end with an error; found once for each.
  mutating func mayFail(_ node: Expression) -> Bool {
    if let known = fallible[node.id] { return known }
    let answer = findWhetherFallible(node)
    fallible[node.id] = answer
    return answer
  }

  private mutating func findWhetherFallible(_ node: Expression) -> Bool {
    if constant(node) != nil { return false }
    switch checked.references[node.id] {
    case .variable(let name):
      if case .select(_, _, true) = node.kind { return false }
      return pool.input(name)?.mayBeMissing ?? true
    case .local(let name):
      guard let place = locals.lastIndex(where: { $0.name == name }) else { return true }
      if case .node(let meaning, _) = locals[place].meaning { return mayFail(meaning) }
      return false
    case .table: return false
    case .function(let builtin, _):
      if canFail(builtin, node) { return true }
      for child in node.children where mayFail(child) { return true }
      return false
    default: return true
    }
  }

  private func canFail(_ builtin: Builtin, _ node: Expression) -> Bool {
    switch builtin {
    case .add, .subtract, .multiply, .divide, .remainder, .negate: checked.types[node.id] != .double
    case .int, .uint, .timestamp, .duration, .abs: true
    default: false
    }
  }
}
