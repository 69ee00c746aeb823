import CEL
import Testing
import Wire

@testable import Models

@Suite("Rules: modes, failure modes, reasons")
struct RuleTests {
  static let inputs = [
    ScalarInput("amount", .double, mayBeMissing: false), ScalarInput("count_1h", .double), ScalarInput("card.country", .string),
  ]

  static func rule(
    _ id: String, _ expression: String, _ effect: Rule.Effect = .action(.decline), _ mode: Rule.Mode = .on,
    _ failure: Rule.FailureMode = .open,
    text: String = ""
  ) -> Rule {
    Rule(id: id, expression: expression, reasonCode: id.uppercased(), text: text, effect: effect, mode: mode, failureMode: failure)
  }

  static func runner(_ rules: [Rule], amount: Double = 900, count: Double? = 4) throws -> RuleRunner {
    let runner = RuleRunner(try Rulebook(rules, inputs: inputs))
    runner.frame.set(0, amount)
    if let count { runner.frame.set(1, count) }
    return runner
  }

  static func refusal(_ rules: [Rule]) -> String? {
    do throws(RuleError) {
      _ = try Rulebook(rules, inputs: inputs)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func theGravestActionWinsAndScoresAddUp() throws {
    let verdict = try Self.runner([
      Self.rule("a", "amount > 500.0", .action(.review)), Self.rule("b", "amount > 800.0"), Self.rule("c", "amount > 100.0", .score(2)),
      Self.rule("d", "count_1h > 3.0", .score(0.5)), Self.rule("e", "amount < 0.0", .score(9)),
    ]).evaluate()
    #expect(verdict.action == .decline && verdict.score == 2.5 && verdict.held == 4)
    #expect(verdict.reasons == SIMD4(0, 1, 2, 3))
  }

  @Test func shadowHasNoEffectAndOffIsNotEvaluated() throws {
    let runner = try Self.runner([
      Self.rule("a", "amount > 500.0", .action(.decline), .shadow), Self.rule("b", "count_1h / 0.0 > 0.0", .action(.decline), .off),
    ])
    var heard: [Int] = []
    let verdict = runner.evaluate { rule, _ in heard.append(rule) }
    #expect(verdict == RuleRunner.Verdict(shadowHeld: 1))
    #expect(heard == [0])
  }

  @Test(arguments: [
    (Rule.FailureMode.open, Decision.Action.approve, 0), (.closed, .decline, 1), (.review, .review, 1),
  ])
  func aMissingInputFails(_ mode: Rule.FailureMode, _ action: Decision.Action, _ held: Int) throws {
    let verdict = try Self.runner([Self.rule("a", "count_1h > 3.0", .action(.decline), .on, mode)], count: nil).evaluate()
    #expect(verdict.action == action && verdict.held == held && verdict.failed == 1)
    let guarded = try Self.runner([Self.rule("a", "has(card.country) && count_1h > 3.0", .action(.decline), .on, mode)], count: nil)
      .evaluate()
    #expect(guarded == RuleRunner.Verdict())
  }

  @Test func aRuleThatTheScalarCompilerRefusesIsEvaluatedBoxed() throws {
    let runner = try Self.runner([Self.rule("a", "[amount, count_1h].map(x, x * 2.0)[1] == 8.0")])
    #expect(runner.book.boxed[0] != nil)
    #expect(runner.evaluate().action == .decline)
  }

  @Test func textsAreFilledInAndChecked() throws {
    let runner = try Self.runner([
      Self.rule("a", "amount > 1.0", text: "{{{amount} is {amount / count_1h} a payment, from {card.country}}}")
    ])
    #expect(runner.book.text(of: 0, runner.frame) == "{900 is 225 a payment, from ?}")
    #expect(
      Self.refusal([Self.rule("a", "true", text: "x {amuont}")])?.contains("rule 'a', text: 1:4: there is no variable 'amuont'") == true)
    #expect(Self.refusal([Self.rule("a", "true", text: "x {amount")])?.hasPrefix("rule 'a', text: 1:3: a '{' is not closed") == true)
  }

  @Test func whatIsWrongIsNamed() {
    #expect(
      Self.refusal([Self.rule("a", "amount + 1.0")])?.hasPrefix("rule 'a', expression: 1:1: a rule says true or false, not double") == true)
    #expect(Self.refusal([Self.rule("a", "true"), Self.rule("a", "true")])?.hasPrefix("rule 'a', id: 1:1: two rules have this id") == true)
    #expect(Self.refusal([Self.rule("a", "amount > 5")]) == nil)
    #expect(Self.refusal([Self.rule("a", "amount >")])?.contains("1:9: a value was expected") == true)
  }
}
