import CEL
import Wire

/// A bundle's rules, checked and compiled: immutable, shared by loops.
public struct Rulebook: Sendable {
  public let rules: [Rule]
  public let inputs: [ScalarInput]
  /// Programs of all rules, those that are off included.
  public let scalars: ScalarSet
  /// Rules that the scalar compiler refuses: they allocate when they are evaluated. Why, by the rules' indices.
  public var boxed: [Int: String] { scalars.refusals }

  let programs: [Program]
  private let templates: [ReasonTemplate]
  let inputIndices: [String: Int]

  /// - Parameters:
  ///   - inputs: what rules may name: features by the order of the matrix, fields of the transaction.
  ///   - zones: the bundle's own; rules may name no other zone.
  /// - Throws: the first rule that is wrong, with the place in its expression.
  public init(_ rules: [Rule], inputs: [ScalarInput], zones: ZoneTable = ZoneTable()) throws(RuleError) {
    var environment = Environment(variables: Dictionary(inputs.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first }))
    environment.zones = zones
    var checked: [CheckedExpression] = []
    var templates: [ReasonTemplate] = []
    var ids: Set<String> = []
    for rule in rules {
      guard ids.insert(rule.id).inserted else { throw RuleError(rule: rule.id, part: "id", message: "two rules have this id") }
      checked.append(try Self.check(rule, environment))
      templates.append(try ReasonTemplate(rule.text, rule: rule.id, in: environment))
    }
    self.rules = rules
    self.inputs = inputs
    self.templates = templates
    scalars = ScalarSet(checked, inputs: inputs, in: environment)
    programs = checked.map { Program($0, in: environment) }
    inputIndices = Dictionary(inputs.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
  }

  private static func check(_ rule: Rule, _ environment: Environment) throws(RuleError) -> CheckedExpression {
    let checked: CheckedExpression
    do throws(ExpressionError) {
      checked = try CheckedExpression.check(rule.expression, in: environment)
    } catch {
      throw RuleError(rule: rule.id, part: "expression", message: error.description)
    }
    guard checked.type == .bool || checked.type == .dyn else {
      throw RuleError(rule: rule.id, part: "expression", message: "a rule says true or false, not \(checked.type)")
    }
    return checked
  }

  /// The rule's text for the transaction in the frame.
  public func text(of rule: Int, _ frame: ScalarFrame) -> String {
    templates[rule].filled { name in inputIndices[name].flatMap { frame.value(ofInput: $0) } }
  }
}
