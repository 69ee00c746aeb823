/// What an expression may refer to: variables and functions by name, zones, and its bounds.
public struct Environment: Sendable {
  /// Names are looked for in this scope and those around it first: in `a.b`, the name `x` is `a.b.x`, `a.x` or `x`.
  public var container = ""
  /// Names may be qualified: `card.count_1h`.
  public var variables: [String: ValueType]
  /// Declared beside the standard ones, for the checker alone: a call fails when it is evaluated.
  public var functions: [String: [Signature]] = [:]
  public var zones = ZoneTable()
  public var limits = ExpressionLimits()

  public init(variables: [String: ValueType] = [:]) { self.variables = variables }

  /// The names that `name` may mean, the innermost scope first.
  func candidates(_ name: String) -> [String] {
    if name.hasPrefix(".") { return [String(name.dropFirst())] }
    var names: [String] = []
    var scope = container[...]
    while !scope.isEmpty {
      names.append("\(scope).\(name)")
      scope = scope.lastIndex(of: ".").map { scope[..<$0] } ?? ""
    }
    return names + [name]
  }

  func signatures(of function: String, areMethods: Bool) -> [Signature] {
    let standard = areMethods ? StandardSignatures.methods[function] : StandardSignatures.functions[function]
    return (standard ?? []) + (functions[function] ?? []).filter { $0.isMethod == areMethods }
  }
}
