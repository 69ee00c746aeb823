extension Parser {
  mutating func member() throws(ExpressionIssue) -> Expression {
    let start = try primary()
    return try members(of: start)
  }

  /// Selections, indices and calls of methods, from left to right.
  mutating func members(of start: Expression) throws(ExpressionIssue) -> Expression {
    var operand = start
    while true {
      let offset = token.offset
      if take(".") {
        operand = try selection(from: operand, offset)
      } else if take("[") {
        let isOptional = take("?")
        let position = try expression()
        try expect("]")
        operand = try node(call(isOptional ? "_[?_]" : "_[_]", [operand, position]), at: offset)
      } else if isMark("{"), let name = operand.dottedName {
        operand = try structure(name, at: operand.offset)
      } else {
        return operand
      }
    }
  }

  private mutating func selection(from operand: Expression, _ offset: Int) throws(ExpressionIssue) -> Expression {
    let isOptional = take("?")
    let nameToken = token
    let name = try selector()
    if isOptional {
      let field = try node(.literal(.string(name)), at: nameToken.offset)
      return try node(call("_?._", [operand, field]), at: offset)
    }
    if isMark("("), case .identifier = nameToken.kind {
      return try callExpression(name, target: operand, at: nameToken.offset)
    }
    return try node(.select(operand, field: name, isTest: false), at: offset)
  }

  /// A name behind a dot or of a field: reserved words are allowed, `in`, `true`, `false` and `null` are not.
  mutating func selector() throws(ExpressionIssue) -> String {
    switch token.kind {
    case .identifier(let name), .quotedIdentifier(let name):
      advance()
      return name
    default: throw unexpected("a name")
    }
  }

  private mutating func primary() throws(ExpressionIssue) -> Expression {
    let start = token
    switch start.kind {
    case .integer(let value):
      guard value <= UInt64(Int64.max) else {
        throw ExpressionIssue(offset: start.offset, message: "the number is outside of what an int can hold")
      }
      return try literal(.int(Int64(value)))
    case .unsigned(let value): return try literal(.uint(value))
    case .double(let value): return try literal(.double(value))
    case .string(let value): return try literal(.string(value))
    case .bytes(let value): return try literal(.bytes(value))
    case .true: return try literal(.bool(true))
    case .false: return try literal(.bool(false))
    case .null: return try literal(.null)
    case .identifier, .mark("."): return try name()
    case .mark("("):
      advance()
      let inner = try expression()
      try expect(")")
      return inner
    case .mark("["): return try list()
    case .mark("{"): return try map()
    default: throw unexpected("a value")
    }
  }

  private mutating func literal(_ value: Value) throws(ExpressionIssue) -> Expression {
    let offset = token.offset
    advance()
    return try node(.literal(value), at: offset)
  }

  private mutating func name() throws(ExpressionIssue) -> Expression {
    let start = token
    let dot = take(".") ? "." : ""
    guard case .identifier(let name) = token.kind else { throw unexpected("a name") }
    let place = token.offset
    advance()
    if isMark("(") {
      try refuseReserved(name, at: place)
      return try callExpression(dot + name, target: nil, at: place)
    }
    // A reserved word may begin a message's name.
    if Token.reserved.contains(name), !isMark(".") { try refuseReserved(name, at: place) }
    return try node(.identifier(dot + name), at: start.offset)
  }

  private func refuseReserved(_ name: String, at offset: Int) throws(ExpressionIssue) {
    guard Token.reserved.contains(name) else { return }
    throw ExpressionIssue(offset: offset, message: "'\(name)' is reserved and names neither a variable nor a function")
  }

  /// From the opening parenthesis on. Macros are expanded here.
  private mutating func callExpression(_ function: String, target: Expression?, at offset: Int) throws(ExpressionIssue) -> Expression {
    try expect("(")
    let isLoop = target != nil && Macro.loops.contains(function)
    let arguments: [Expression]
    if isLoop {
      arguments = try loop({ (parser) throws(ExpressionIssue) in try parser.arguments() }, at: offset)
    } else {
      arguments = try self.arguments()
    }
    if let expanded = try expand(function, target: target, arguments: arguments, at: offset) { return expanded }
    return try node(.call(target: target, function: function, arguments: arguments), at: offset)
  }

  private mutating func arguments() throws(ExpressionIssue) -> [Expression] {
    var arguments: [Expression] = []
    if take(")") { return arguments }
    repeat { arguments.append(try expression()) } while take(",")
    try expect(")")
    return arguments
  }

  private mutating func list() throws(ExpressionIssue) -> Expression {
    let offset = token.offset
    try expect("[")
    var elements: [Expression.Element] = []
    while !isMark("]") {
      let isOptional = take("?")
      elements.append(Expression.Element(value: try expression(), isOptional: isOptional))
      guard take(",") else { break }
    }
    try expect("]")
    return try node(.list(elements), at: offset)
  }

  private mutating func map() throws(ExpressionIssue) -> Expression {
    let offset = token.offset
    try expect("{")
    var entries: [Expression.Entry] = []
    while !isMark("}") {
      let isOptional = take("?")
      let key = try expression()
      try expect(":")
      entries.append(Expression.Entry(key: key, value: try expression(), isOptional: isOptional))
      guard take(",") else { break }
    }
    try expect("}")
    return try node(.map(entries), at: offset)
  }

  private mutating func structure(_ name: String, at offset: Int) throws(ExpressionIssue) -> Expression {
    try expect("{")
    var fields: [Expression.Field] = []
    while !isMark("}") {
      let isOptional = take("?")
      let name = try selector()
      try expect(":")
      fields.append(Expression.Field(name: name, value: try expression(), isOptional: isOptional))
      guard take(",") else { break }
    }
    try expect("}")
    return try node(.structure(name: name, fields: fields), at: offset)
  }
}
