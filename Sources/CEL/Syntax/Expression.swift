/// A node of the syntax tree, after the expansion of macros.
public struct Expression: Sendable {
  /// Number of the node within its tree; types and references are kept by it.
  let id: Int
  /// Byte offset in the text: of the operator for an operation, else of the beginning.
  let offset: Int
  /// 1 for a leaf; at most `ExpressionLimits.heightMax`.
  let height: Int
  let kind: Kind

  indirect enum Kind: Sendable {
    case literal(Value)
    /// With its leading dot where it had one.
    case identifier(String)
    /// `operand.field`, or `has(operand.field)` with `isTest`.
    case select(Expression, field: String, isTest: Bool)
    /// Operators have names such as `_+_`; `_&&_` and `_||_` take any number of operands.
    case call(target: Expression?, function: String, arguments: [Expression])
    case list([Element])
    case map([Entry])
    /// `name{field: value}`.
    case structure(name: String, fields: [Field])
    case comprehension(Comprehension)
    /// `cel.bind` and its like: the names are values of their own, each evaluated at most once, when first asked for.
    case bindings([Binding], result: Expression)
    /// `target.optMap(variable, body)`: `none` stays `none`; `isFlat` for `optFlatMap`, whose body is an optional itself.
    case optionalMap(Expression, variable: String, body: Expression, isFlat: Bool)
  }

  struct Element: Sendable {
    var value: Expression
    /// `?value`: left out when the optional is empty.
    var isOptional: Bool
  }

  struct Entry: Sendable {
    var key: Expression
    var value: Expression
    var isOptional: Bool
  }

  struct Field: Sendable {
    var name: String
    var value: Expression
    var isOptional: Bool
  }

  struct Binding: Sendable {
    var name: String
    var value: Expression
  }
}

/// A loop over a list or a map.
struct Comprehension: Sendable {
  enum Fold: Sendable {
    /// True unless `body` is false for one; errors count only if nothing was false.
    case all
    /// False unless `body` is true for one.
    case exists
    /// Whether `body` is true for exactly one; any error is one.
    case existsOne
    /// A list of `body` for those for which `filter` holds.
    case list
    /// A map from the key (or index) to `body`.
    case map
    /// A map made of the entries of `body`, which is a map.
    case entries
  }

  var fold: Fold
  var range: Expression
  /// The element, or a map's key; with `second`, the index or key.
  var first: String
  /// The element or the map's value, in comprehensions of two variables.
  var second: String?
  var filter: Expression?
  var body: Expression
}

extension Expression {
  /// `a`, `.a`, `a.b.c` as a name; nil for anything else.
  var dottedName: String? {
    switch kind {
    case .identifier(let name): name
    case .select(let operand, let field, false): operand.dottedName.map { "\($0).\(field)" }
    default: nil
    }
  }

  /// Where its text begins, for a name with dots: that of the first part.
  var start: Int {
    if case .select(let operand, _, _) = kind, dottedName != nil { return operand.start }
    return offset
  }

  /// What hangs below this node.
  var children: [Expression] {
    switch kind {
    case .literal, .identifier: []
    case .select(let operand, _, _): [operand]
    case .call(let target, _, let arguments): (target.map { [$0] } ?? []) + arguments
    case .list(let elements): elements.map(\.value)
    case .map(let entries): entries.flatMap { [$0.key, $0.value] }
    case .structure(_, let fields): fields.map(\.value)
    case .comprehension(let loop): [loop.range] + (loop.filter.map { [$0] } ?? []) + [loop.body]
    case .bindings(let bindings, let result): bindings.map(\.value) + [result]
    case .optionalMap(let target, _, let body, _): [target, body]
    }
  }
}
