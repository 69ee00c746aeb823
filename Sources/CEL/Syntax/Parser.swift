/// Reads an expression by recursive descent (langdef, Syntax) and expands its macros as it goes.
public struct Parser {
  let limits: ExpressionLimits
  let tokens: [Token]
  var index = 0
  var nodeCount = 0
  private var nesting = 0
  private var loops = 0

  private init(_ source: SourceText, _ limits: ExpressionLimits) throws(ExpressionIssue) {
    self.limits = limits
    guard source.bytes.count <= limits.textBytesMax else {
      throw ExpressionIssue(offset: 0, message: "the expression is longer than \(limits.textBytesMax) bytes")
    }
    tokens = try Lexer.tokens(source)
  }

  /// - Throws: the first fault found, with its place.
  public static func parse(_ source: SourceText, limits: ExpressionLimits = ExpressionLimits()) throws(ExpressionError) -> Expression {
    do throws(ExpressionIssue) {
      var parser = try Parser(source, limits)
      let expression = try parser.expression()
      guard parser.token.kind == .end else { throw parser.unexpected("an operator or the end") }
      return expression
    } catch {
      throw ExpressionError(source: source, issues: [error])
    }
  }

  var token: Token { tokens[index] }

  func isMark(_ mark: String, ahead: Int = 0) -> Bool {
    index + ahead < tokens.count && tokens[index + ahead].kind == .mark(mark)
  }

  mutating func advance() {
    if index < tokens.count - 1 { index += 1 }
  }

  /// True, and past it, if the mark is next.
  mutating func take(_ mark: String) -> Bool {
    guard isMark(mark) else { return false }
    advance()
    return true
  }

  mutating func expect(_ mark: String) throws(ExpressionIssue) {
    guard take(mark) else { throw unexpected("'\(mark)'") }
  }

  func unexpected(_ wanted: String) -> ExpressionIssue {
    ExpressionIssue(offset: token.offset, message: "\(wanted) was expected, not \(token.described)")
  }

  mutating func node(_ kind: Expression.Kind, at offset: Int) throws(ExpressionIssue) -> Expression {
    nodeCount += 1
    let draft = Expression(id: nodeCount, offset: offset, height: 1, kind: kind)
    let height = 1 + (draft.children.map(\.height).max() ?? 0)
    guard height <= limits.heightMax else {
      throw ExpressionIssue(offset: offset, message: "the expression is deeper than \(limits.heightMax) operations")
    }
    return Expression(id: nodeCount, offset: offset, height: height, kind: kind)
  }

  func call(_ function: String, _ arguments: [Expression]) -> Expression.Kind {
    .call(target: nil, function: function, arguments: arguments)
  }

  /// Every recursion of the grammar passes here.
  mutating func nested<T>(_ body: (inout Parser) throws(ExpressionIssue) -> T) throws(ExpressionIssue) -> T {
    nesting += 1
    defer { nesting -= 1 }
    guard nesting <= limits.nestingMax else {
      throw ExpressionIssue(offset: token.offset, message: "more than \(limits.nestingMax) nested parts")
    }
    return try body(&self)
  }

  // MARK: By precedence, the weakest first

  mutating func expression() throws(ExpressionIssue) -> Expression {
    try nested { (parser) throws(ExpressionIssue) in
      let condition = try parser.logical("||", "_||_") { (parser) throws(ExpressionIssue) in
        try parser.logical("&&", "_&&_") { (parser) throws(ExpressionIssue) in try parser.relation() }
      }
      let offset = parser.token.offset
      guard parser.take("?") else { return condition }
      let whenTrue = try parser.expression()
      try parser.expect(":")
      let whenFalse = try parser.expression()
      return try parser.node(parser.call("_?_:_", [condition, whenTrue, whenFalse]), at: offset)
    }
  }

  /// Operands of `&&` or `||` in a row are one node.
  private mutating func logical(
    _ mark: String, _ function: String, _ operand: (inout Parser) throws(ExpressionIssue) -> Expression
  ) throws(ExpressionIssue) -> Expression {
    var operands = [try operand(&self)]
    let offset = token.offset
    while take(mark) { operands.append(try operand(&self)) }
    return operands.count == 1 ? operands[0] : try node(call(function, operands), at: offset)
  }

  private mutating func relation() throws(ExpressionIssue) -> Expression {
    var left = try addition()
    while let function = relationOperator {
      let offset = token.offset
      advance()
      left = try node(call(function, [left, try addition()]), at: offset)
    }
    return left
  }

  private var relationOperator: String? {
    switch token.kind {
    case .in: "@in"
    case .mark("<"): "_<_"
    case .mark("<="): "_<=_"
    case .mark(">"): "_>_"
    case .mark(">="): "_>=_"
    case .mark("=="): "_==_"
    case .mark("!="): "_!=_"
    default: nil
    }
  }

  private mutating func addition() throws(ExpressionIssue) -> Expression {
    var left = try multiplication()
    while isMark("+") || isMark("-") {
      let function = isMark("+") ? "_+_" : "_-_"
      let offset = token.offset
      advance()
      left = try node(call(function, [left, try multiplication()]), at: offset)
    }
    return left
  }

  private mutating func multiplication() throws(ExpressionIssue) -> Expression {
    var left = try unary()
    while isMark("*") || isMark("/") || isMark("%") {
      let function = isMark("*") ? "_*_" : isMark("/") ? "_/_" : "_%_"
      let offset = token.offset
      advance()
      left = try node(call(function, [left, try unary()]), at: offset)
    }
    return left
  }

  private mutating func unary() throws(ExpressionIssue) -> Expression {
    let offset = token.offset
    if take("!") {
      return try nested { (parser) throws(ExpressionIssue) in
        let operand = try parser.unary()
        return try parser.node(parser.call("!_", [operand]), at: offset)
      }
    }
    guard isMark("-") else { return try member() }
    advance()
    if let literal = try negativeLiteral(offset) { return try members(of: literal) }
    return try nested { (parser) throws(ExpressionIssue) in
      let operand = try parser.unary()
      return try parser.node(parser.call("-_", [operand]), at: offset)
    }
  }

  /// A sign before digits is part of the literal, so that -9223372036854775808 can be written.
  private mutating func negativeLiteral(_ offset: Int) throws(ExpressionIssue) -> Expression? {
    switch token.kind {
    case .integer(let magnitude):
      advance()
      return try node(.literal(.int(Int64(truncatingIfNeeded: 0 &- magnitude))), at: offset)
    case .double(let magnitude):
      advance()
      return try node(.literal(.double(-magnitude)), at: offset)
    default: return nil
    }
  }

  mutating func loop<T>(_ body: (inout Parser) throws(ExpressionIssue) -> T, at offset: Int) throws(ExpressionIssue) -> T {
    loops += 1
    defer { loops -= 1 }
    guard loops <= limits.comprehensionNestingMax else {
      throw ExpressionIssue(offset: offset, message: "more than \(limits.comprehensionNestingMax) loops inside one another")
    }
    return try body(&self)
  }
}
