/// What an expression may refer to: variables and functions by name, zones, and its bounds.
public struct Environment: Sendable {
  /// Names are looked for in this scope and those around it first: in `a.b`, the name `x` is `a.b.x`, `a.x` or `x`.
  public var container = ""
  /// Names may be qualified: `card.count_1h`.
  public var variables: [String: ValueType]
  /// Declared beside the standard ones, for the checker alone: a call fails when it is evaluated.
  public var functions: [String: [Signature]] = [:]
  public var zones = ZoneTable()
  /// Sets by their names, which may be qualified: what stands behind `in`.
  public var tables: [String: any MemberTable] = [:]
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

  private static let membership = Signature(
    arguments: [.parameter("A"), .table(of: .parameter("A"))], result: .bool, isMethod: false)

  func signatures(of function: String, areMethods: Bool) -> [Signature] {
    let standard = areMethods ? StandardSignatures.methods[function] : StandardSignatures.functions[function]
    let declared = (functions[function] ?? []).filter { $0.isMethod == areMethods }
    let asked = function == Builtin.contained.rawValue && !areMethods && !tables.isEmpty ? [Self.membership] : []
    return (standard ?? []) + declared + asked
  }
}
