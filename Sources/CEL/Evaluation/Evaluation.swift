/// One run of a plan.
struct Evaluation {
  let inputs: [Value?]
  let zones: ZoneTable
  /// For which tables are asked, ms since the epoch.
  let time: Int64
  /// Which table is asked in the place of another.
  var replacing: ((any MemberTable) -> any MemberTable)?
  private var slots: [Slot]
  /// What is left of the bound on work.
  var steps: Int
  private var depth = 0
  private let depthMax = ExpressionLimits().depthMax
  var matcher = PatternMatcher()

  private enum Slot {
    case empty
    case value(Value)
    /// A binding that nobody has asked for yet.
    case pending(Plan)
    case failed(EvaluationError)
  }

  init(inputs: [Value?], slotCount: Int, zones: ZoneTable, steps: Int, time: Int64 = 0) {
    self.inputs = inputs
    self.zones = zones
    self.time = time
    self.steps = steps
    slots = [Slot](repeating: .empty, count: slotCount)
  }

  mutating func charge(_ count: Int) throws(EvaluationError) {
    steps -= count
    if steps < 0 { throw EvaluationError(.tooCostly, "the evaluation takes more than its bound of steps") }
  }

  mutating func value(of plan: Plan) throws(EvaluationError) -> Value {
    try charge(1)
    depth += 1
    defer { depth -= 1 }
    guard depth <= depthMax else { throw EvaluationError(.tooCostly, "the evaluation is deeper than its bound") }
    switch plan {
    case .constant(let value): return value
    case .input(let index):
      guard let value = inputs[index] else { throw EvaluationError(.noSuchField, "the variable has no value") }
      return value
    case .hasInput(let index): return .bool(inputs[index] != nil)
    case .slot(let slot): return try local(slot)
    case .failure(let error): throw error
    case .select(let operand, let field): return try Self.field(field, of: try value(of: operand))
    case .hasField(let operand, let field): return .bool(try Self.hasField(field, of: try value(of: operand)))
    case .and(let parts): return try logical(parts, decisive: false)
    case .or(let parts): return try logical(parts, decisive: true)
    case .conditional(let condition, let whenTrue, let whenFalse):
      return try value(of: try truth(condition, "?:") ? whenTrue : whenFalse)
    case .unary(let builtin, let a): return try apply(builtin, [try value(of: a)])
    case .binary(let builtin, let a, let b):
      let a = try value(of: a)
      return try apply(builtin, a, try value(of: b))
    case .call(let builtin, let parts):
      var arguments: [Value] = []
      for part in parts { arguments.append(try value(of: part)) }
      return try apply(builtin, arguments)
    case .matches(let text, let pattern): return .bool(try matches(try value(of: text), pattern))
    case .member(let element, let table): return .bool(try isMember(try value(of: element), of: replacing?(table) ?? table))
    case .list(let elements): return try list(elements)
    case .map(let entries): return try map(entries)
    case .loop(let loop): return try run(loop)
    case .bindings(let bindings, let result):
      for binding in bindings { slots[binding.slot] = .pending(binding.plan) }
      return try value(of: result)
    case .optionalMap(let target, let slot, let body, let isFlat):
      guard case .optional(let inner) = try value(of: target) else {
        throw EvaluationError(.noSuchOverload, "no such overload: optMap() of a value that is no optional")
      }
      guard let inner else { return .optional(nil) }
      set(slot, inner)
      let result = try value(of: body)
      guard isFlat else { return .optional(result) }
      guard case .optional = result else { throw .noOverload("optFlatMap", [result]) }
      return result
    }
  }

  mutating func set(_ slot: Int, _ value: Value) { slots[slot] = .value(value) }

  private mutating func local(_ slot: Int) throws(EvaluationError) -> Value {
    switch slots[slot] {
    case .value(let value): return value
    case .failed(let error): throw error
    case .empty: throw EvaluationError(.unknownName, "the variable has no value")
    case .pending(let plan):
      do throws(EvaluationError) {
        let value = try value(of: plan)
        slots[slot] = .value(value)
        return value
      } catch {
        slots[slot] = .failed(error)
        throw error
      }
    }
  }

  func truth(_ value: Value, _ function: String) throws(EvaluationError) -> Bool {
    guard case .bool(let truth) = value else { throw .noOverload(function, [value]) }
    return truth
  }

  mutating func truth(_ plan: Plan, _ function: String) throws(EvaluationError) -> Bool {
    try truth(try value(of: plan), function)
  }

  /// `&&` and `||`: one operand that is `decisive` decides, whatever the others are or fail with, in any order.
  private mutating func logical(_ parts: [Plan], decisive: Bool) throws(EvaluationError) -> Value {
    var failure: EvaluationError?
    for part in parts {
      do throws(EvaluationError) {
        if try truth(part, decisive ? "||" : "&&") == decisive { return .bool(decisive) }
      } catch {
        if error.code == .tooCostly { throw error }
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
    return .bool(!decisive)
  }

  private func isMember(_ value: Value, of table: any MemberTable) throws(EvaluationError) -> Bool {
    switch (value, table.element) {
    case (.string(var text), .string): text.withUTF8 { table.contains($0, at: time) }
    case (.int(let number), .int): table.contains(number, at: time)
    case (.ip(let address), .ip): table.contains(address.sixteenBytes, at: time)
    default: throw .noOverload("in", [value])
    }
  }

  // MARK: Fields

  static func field(_ name: String, of value: Value) throws(EvaluationError) -> Value {
    switch value {
    case .map(let map):
      guard let value = map[.string(name)] else { throw EvaluationError(.noSuchField, "no such key: \(name)") }
      return value
    case .optional(let inner):
      guard let inner else { return value }
      return try optionalField(name, of: inner)
    default: throw EvaluationError(.noSuchOverload, "a \(value.typeName) has no field '\(name)'")
    }
  }

  static func optionalField(_ name: String, of value: Value) throws(EvaluationError) -> Value {
    switch value {
    case .map(let map): return .optional(map[.string(name)])
    case .optional(let inner):
      guard let inner else { return value }
      return try optionalField(name, of: inner)
    default: throw EvaluationError(.noSuchOverload, "a \(value.typeName) has no field '\(name)'")
    }
  }

  static func hasField(_ name: String, of value: Value) throws(EvaluationError) -> Bool {
    switch value {
    case .map(let map): return map[.string(name)] != nil
    case .optional(let inner):
      guard let inner else { return false }
      return try hasField(name, of: inner)
    default: throw EvaluationError(.noSuchOverload, "a \(value.typeName) has no field '\(name)'")
    }
  }
}
