/// Calls that are rewritten when they are read: their arguments are names and pieces of code.
enum Macro {
  /// Methods that run over a list or a map.
  static let loops: Set<String> = [
    "all", "exists", "exists_one", "existsOne", "map", "filter", "transformList", "transformMap", "transformMapEntry",
  ]
}

extension Parser {
  /// The expansion; nil where the call is no macro.
  mutating func expand(
    _ function: String, target: Expression?, arguments: [Expression], at offset: Int
  ) throws(ExpressionIssue) -> Expression? {
    guard let target else { return try expandHas(function, arguments, at: offset) }
    if case .identifier("cel") = target.kind { return try expandCel(function, arguments, at: offset) }
    if function == "optMap" || function == "optFlatMap", arguments.count == 2 {
      let variable = try variable(arguments[0], of: function)
      return try node(.optionalMap(target, variable: variable, body: arguments[1], isFlat: function == "optFlatMap"), at: offset)
    }
    guard Macro.loops.contains(function), let loop = try expandLoop(function, target, arguments) else { return nil }
    return try node(.comprehension(loop), at: offset)
  }

  private mutating func expandHas(_ function: String, _ arguments: [Expression], at offset: Int) throws(ExpressionIssue) -> Expression? {
    guard function == "has", arguments.count == 1 else { return nil }
    switch arguments[0].kind {
    case .select(let operand, let field, false): return try node(.select(operand, field: field, isTest: true), at: offset)
    default:
      throw ExpressionIssue(offset: arguments[0].offset, message: "has() takes a field such as has(a.b)")
    }
  }

  private func expandLoop(_ function: String, _ range: Expression, _ arguments: [Expression]) throws(ExpressionIssue) -> Comprehension? {
    func loop(
      _ fold: Comprehension.Fold, two: Bool, filter: Expression?, body: Expression
    ) throws(ExpressionIssue) -> Comprehension {
      let first = try variable(arguments[0], of: function)
      let second = two ? try variable(arguments[1], of: function) : nil
      if let second, first == second {
        throw ExpressionIssue(offset: arguments[1].offset, message: "the two variables of \(function)() have the same name")
      }
      return Comprehension(fold: fold, range: range, first: first, second: second, filter: filter, body: body)
    }
    switch (function, arguments.count) {
    case ("all", 2...3): return try loop(.all, two: arguments.count == 3, filter: nil, body: arguments.last!)
    case ("exists", 2...3): return try loop(.exists, two: arguments.count == 3, filter: nil, body: arguments.last!)
    case ("exists_one", 2...3), ("existsOne", 2...3):
      return try loop(.existsOne, two: arguments.count == 3, filter: nil, body: arguments.last!)
    case ("map", 2): return try loop(.list, two: false, filter: nil, body: arguments[1])
    case ("map", 3): return try loop(.list, two: false, filter: arguments[1], body: arguments[2])
    case ("filter", 2): return try loop(.list, two: false, filter: arguments[1], body: arguments[0])
    case ("transformList", 3): return try loop(.list, two: true, filter: nil, body: arguments[2])
    case ("transformList", 4): return try loop(.list, two: true, filter: arguments[2], body: arguments[3])
    case ("transformMap", 3): return try loop(.map, two: true, filter: nil, body: arguments[2])
    case ("transformMap", 4): return try loop(.map, two: true, filter: arguments[2], body: arguments[3])
    case ("transformMapEntry", 3): return try loop(.entries, two: true, filter: nil, body: arguments[2])
    case ("transformMapEntry", 4): return try loop(.entries, two: true, filter: arguments[2], body: arguments[3])
    default: return nil
    }
  }

  /// `cel.bind(name, value, result)`, and `cel.block([values], result)` with `cel.index(n)`, `cel.iterVar(n, m)`.
  private mutating func expandCel(_ function: String, _ arguments: [Expression], at offset: Int) throws(ExpressionIssue) -> Expression? {
    switch (function, arguments.count) {
    case ("bind", 3):
      let name = try variable(arguments[0], of: "cel.bind")
      return try node(.bindings([Expression.Binding(name: name, value: arguments[1])], result: arguments[2]), at: offset)
    case ("block", 2):
      guard case .list(let elements) = arguments[0].kind else {
        throw ExpressionIssue(offset: arguments[0].offset, message: "cel.block() begins with a list of values")
      }
      let bindings = elements.enumerated().map { Expression.Binding(name: "@index\($0.offset)", value: $0.element.value) }
      return try node(.bindings(bindings, result: arguments[1]), at: offset)
    case ("index", 1): return try node(.identifier("@index\(try number(arguments[0]))"), at: offset)
    case ("iterVar", 2): return try node(.identifier("@it:\(try number(arguments[0])):\(try number(arguments[1]))"), at: offset)
    case ("accuVar", 2): return try node(.identifier("@ac:\(try number(arguments[0])):\(try number(arguments[1]))"), at: offset)
    default: return nil
    }
  }

  private func number(_ argument: Expression) throws(ExpressionIssue) -> Int64 {
    guard case .literal(.int(let number)) = argument.kind else {
      throw ExpressionIssue(offset: argument.offset, message: "a number was expected")
    }
    return number
  }

  private func variable(_ argument: Expression, of function: String) throws(ExpressionIssue) -> String {
    guard case .identifier(let name) = argument.kind, !name.hasPrefix(".") else {
      throw ExpressionIssue(offset: argument.offset, message: "\(function)() takes the name of a variable here")
    }
    return name
  }
}
