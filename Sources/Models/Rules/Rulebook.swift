import CEL
import Wire

/// A bundle's rules, checked and compiled: immutable, shared by loops.
public struct Rulebook: Sendable {
  public let rules: [Rule]
  /// What the rules' expressions read, in the frame's order.
  public let inputs: [ScalarInput]
  /// Programs of all rules, those that are off included.
  public let scalars: ScalarSet
  /// Rules that the scalar compiler refuses: they allocate when they are evaluated. Why, by the rules' indices.
  public var boxed: [Int: String] { scalars.refusals }

  let programs: [Program]
  let templates: [ReasonTemplate]
  let inputIndices: [String: Int]

  /// - Parameters:
  ///   - inputs: what rules may name: features by the order of the matrix, fields of the transaction.
  ///   - tables: lists by the names that rules call them by.
  ///   - zones: the bundle's own; rules may name no other zone.
  /// - Throws: the first rule that is wrong, with the place in its expression.
  public init(
    _ rules: [Rule], inputs: [ScalarInput], tables: [String: any MemberTable] = [:], zones: ZoneTable = ZoneTable()
  ) throws(RuleError) {
    let checked = CheckedRules(rules, inputs: inputs, tables: tables, zones: zones)
    if let first = checked.errors.first { throw first.error }
    self.init(checked, inputs: inputs)
  }

  /// `checked` has no errors, and `inputs` are at least those that its expressions read.
  init(_ checked: CheckedRules, inputs: [ScalarInput]) {
    precondition(checked.errors.isEmpty, "only rules without mistakes are compiled")
    rules = checked.rules
    self.inputs = inputs
    templates = checked.templates
    scalars = ScalarSet(checked.expressions, inputs: inputs, in: checked.environment)
    programs = checked.expressions.map { Program($0, in: checked.environment) }
    inputIndices = Dictionary(inputs.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
  }

  /// The rule's text for the transaction in the frame.
  public func text(of rule: Int, _ frame: ScalarFrame) -> String {
    templates[rule].filled(at: frame.time) { name in inputIndices[name].flatMap { frame.value(ofInput: $0) } }
  }
}

/// Rules whose expressions and texts have been read and held against what there is to name. Goes on behind a mistake.
struct CheckedRules {
  let rules: [Rule]
  let environment: Environment
  private(set) var errors: [(rule: Int, error: RuleError)] = []
  /// Those without a mistake: one for each rule where `errors` is empty.
  private(set) var expressions: [CheckedExpression] = []
  private(set) var templates: [ReasonTemplate] = []

  init(_ rules: [Rule], inputs: [ScalarInput], tables: [String: any MemberTable], zones: ZoneTable) {
    self.rules = rules
    var environment = Environment(variables: Dictionary(inputs.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first }))
    environment.zones = zones
    environment.tables = tables
    self.environment = environment
    var ids: Set<String> = []
    for (index, rule) in rules.enumerated() {
      if !ids.insert(rule.id).inserted {
        errors.append((index, RuleError(rule: rule.id, part: .id, rule.id, at: 0, "two rules have this id")))
      }
      do throws(RuleError) { expressions.append(try Self.check(rule, environment)) } catch { errors.append((index, error)) }
      do throws(RuleError) {
        templates.append(try ReasonTemplate(rule.text, rule: rule.id, in: environment))
      } catch {
        errors.append((index, error))
      }
    }
  }

  /// What the expressions read.
  var expressionInputs: Set<String> { Set(expressions.flatMap { Program($0, in: environment).inputs }) }

  private static func check(_ rule: Rule, _ environment: Environment) throws(RuleError) -> CheckedExpression {
    let checked: CheckedExpression
    do throws(ExpressionError) {
      checked = try CheckedExpression.check(rule.expression, in: environment)
    } catch {
      throw RuleError(rule: rule.id, part: .expression, error: error)
    }
    guard checked.type == .bool || checked.type == .dyn else {
      throw RuleError(rule: rule.id, part: .expression, rule.expression, at: 0, "a rule says true or false, not \(checked.type)")
    }
    return checked
  }
}
