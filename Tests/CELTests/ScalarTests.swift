import Testing

@testable import CEL

@Suite("CEL: scalar programs say what the general evaluator says")
struct ScalarTests {
  static let inputs = [
    ScalarInput("a", .int), ScalarInput("b", .int, mayBeMissing: false), ScalarInput("u", .uint), ScalarInput("x", .double),
    ScalarInput("y", .double, mayBeMissing: false), ScalarInput("card.text", .string), ScalarInput("p", .bool),
    ScalarInput("t", .timestamp),
    ScalarInput("d", .duration), ScalarInput("address", .ip),
  ]
  static let environment = Environment(variables: Dictionary(uniqueKeysWithValues: inputs.map { ($0.name, $0.type) }))

  /// What the one or the other made of an expression.
  enum Result: Equatable {
    case value(String)
    case error(EvaluationError.Code)
  }

  static func general(_ checked: CheckedExpression, _ values: [String: Value]) -> Result {
    do throws(EvaluationError) {
      return .value("\(try Program(checked, in: environment).evaluate(values))")
    } catch {
      return .error(error.code)
    }
  }

  static func scalar(_ checked: CheckedExpression, _ values: [String: Value]) throws -> Result {
    let set = ScalarSet([checked], inputs: inputs, in: environment)
    let program = try #require(set.program(of: 0), "\(checked.source.text): \(set.refusals)")
    let frame = ScalarFrame(set)
    var texts: [UnsafeMutableBufferPointer<UInt8>] = []
    defer { texts.forEach { $0.deallocate() } }
    for (index, input) in inputs.enumerated() {
      switch values[input.name] {
      case nil: frame.remove(index)
      case .bool(let value): frame.set(index, value)
      case .int(let value): frame.set(index, value)
      case .uint(let value): frame.set(index, value)
      case .double(let value): frame.set(index, value)
      case .timestamp(let value): frame.set(index, value)
      case .duration(let value): frame.set(index, value)
      case .ip(let value): frame.set(index, value)
      case .string(let value):
        let text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: value.utf8.count + 1)
        _ = text.initialize(from: value.utf8)
        texts.append(text)
        frame.set(index, UnsafeBufferPointer(rebasing: text[..<value.utf8.count]))
      default: Issue.record("no input of this type")
      }
    }
    if checked.type == .bool {
      switch frame.evaluate(program) {
      case .holds: return .value("\(Value.bool(true))")
      case .fails: return .value("\(Value.bool(false))")
      case .error(let code): return .error(code)
      }
    }
    do throws(EvaluationError) {
      let number = try frame.number(program, checked.type)
      return .value("\(checked.type == .int ? Value.int(Int64(number)) : checked.type == .uint ? .uint(UInt64(number)) : .double(number))")
    } catch {
      return .error(error.code)
    }
  }

  static let values: [String: Value] = [
    "a": .int(7), "b": .int(-3), "u": .uint(12), "x": .double(2.5), "y": .double(-0.0), "card.text": .string("Oslo é 10"), "p": .bool(true),
    "t": .timestamp(Instant(milliseconds: 1_234_567_890_123)!), "d": .duration(Interval(nanoseconds: 5_400_000_000_000)),
    "address": .ip(IPAddress(v4: 0x0A00_0102)),
  ]

  @Test(arguments: [
    "a > 5 && b < 0 && x >= 2.5 && card.text == 'Oslo é 10' && p", "a in [1, 7] || 1 / 0 > 0", "1 / (b + 3) > 0 || true",
    "1 / (b + 3) > 0 && false", "1 / (b + 3) > 0 || false", "a / 0 == 1", "has(card.text) && card.text.startsWith('Os')",
    "card.text in ['Oslo é 10', 'Bergen']", "card.text.matches('^Os.o . [0-9]+$')", "card.text.contains('é') && card.text.endsWith('10')",
    "card.text < 'P' && card.text >= 'Oslo'", "size(card.text)", "card.text.size() + a", "x * 2.0 + double(a) - y", "-x", "-a", "a % b",
    "u - 13u",
    "int(x) + int(u)", "uint(b)", "uint(a) + u", "t.getHours()", "t.getDayOfWeek('+05:30') == 6",
    "t + d > t && t - d < t && t - t == duration('0s')",
    "d == duration('90m') && d.getMinutes() == 90", "timestamp(a) < t", "int(t) > 0", "a > 5 ? b : a", "(a > 5 ? x : y) > 1.0",
    "a < x && u > x",
    "cidr('10.0.0.0/8').containsIP(address) && !cidr('10.1.0.0/16').containsIP(address)", "address == ip('10.0.1.2')",
    "['Os', 'Be'].exists(s, card.text.startsWith(s))", "[1, 2, 0].all(n, a / n > 2)", "[1, 2, 0].exists(n, a / n > 100)",
    "cel.bind(n, a * 2, n > 10 && n < 20)", "cel.bind(n, a / 0, p || n > 1)", "cel.bind(z, x * 2.0, z + z)", "math.greatest(a, b)",
    "math.least(x, y)", "math.abs(b)", "math.round(x) == 3.0", "math.isNaN(y / y)", "!(x < y) && !(p && a < 0)", "p == (a == 7)",
    "(p ? 1.0 : 0.0) + x", "math.bitAnd(a, 3)", "true", "1 + 2", "x in [2.5, 3.5]", "b == 9223372036854775807 + 1 || true",
  ])
  func oneExpression(_ text: String) throws {
    let checked = try CheckedExpression.check(text, in: Self.environment)
    #expect(try Self.scalar(checked, Self.values) == Self.general(checked, Self.values))
    // Whatever may be missing is missing.
    let few = Self.values.filter { name, _ in Self.inputs.contains { $0.name == name && !$0.mayBeMissing } }
    #expect(try Self.scalar(checked, few) == Self.general(checked, few))
  }

  @Test func whatMakesNewTextsIsRefusedWithItsPlace() throws {
    let checked = try CheckedExpression.check("p && card.text.lowerAscii() == 'oslo'", in: Self.environment)
    let set = ScalarSet([checked], inputs: Self.inputs, in: Self.environment)
    #expect(set.program(of: 0) == nil && set.refusals[0] == "1:16: 'lowerAscii' of string makes no scalar")
    let field = try CheckedExpression.check("cel.bind(m, {'a': a}, has(m.a) && p)", in: Self.environment)
    #expect(ScalarSet([field], inputs: Self.inputs, in: Self.environment).refusals[0] == "1:23: a value that is no scalar")
  }

  @Test func thousandsOfRandomExpressionsAgree() throws {
    for seed in 0..<3000 {
      var random = ExpressionGenerator(seed: UInt64(seed))
      let text = random.bool(4)
      let checked = try CheckedExpression.check(text, in: Self.environment)
      var values = Self.values
      for input in Self.inputs where input.mayBeMissing && random.below(4) == 0 { values[input.name] = nil }
      #expect(try Self.scalar(checked, values) == Self.general(checked, values), "seed \(seed): \(text)")
    }
  }
}

/// Makes expressions over the inputs of `ScalarTests`.
struct ExpressionGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  mutating func below(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }

  private mutating func one(_ texts: [String]) -> String { texts[below(texts.count)] }

  mutating func bool(_ depth: Int) -> String {
    if depth == 0 { return one(["p", "true", "false", "has(card.text)", "a == 7", "x > 1.0", "card.text == 'B'", "1 / b > 0"]) }
    switch below(9) {
    case 0, 1: return "(\(bool(depth - 1)) && \(bool(depth - 1)))"
    case 2, 3: return "(\(bool(depth - 1)) || \(bool(depth - 1)) || \(bool(depth - 1)))"
    case 4: return "!(\(bool(depth - 1)))"
    case 5: return "(\(bool(depth - 1)) ? \(bool(depth - 1)) : \(bool(depth - 1)))"
    case 6: return "(\(int(depth - 1)) \(one(["<", "<=", ">", ">=", "==", "!="])) \(int(depth - 1)))"
    case 7: return "(\(double(depth - 1)) \(one(["<", "<=", ">", ">=", "==", "!="])) \(double(depth - 1)))"
    default: return "[\(int(0)), \(int(0))].\(one(["all", "exists"]))(e, e \(one(["<", "==", "!="])) \(int(depth - 1)))"
    }
  }

  private mutating func int(_ depth: Int) -> String {
    if depth == 0 { return one(["a", "b", "0", "1", "-7", "9223372036854775807", "size(card.text)", "int(u)", "t.getMonth()"]) }
    switch below(4) {
    case 0: return "(\(bool(depth - 1)) ? \(int(depth - 1)) : \(int(depth - 1)))"
    case 1: return "int(\(double(depth - 1)))"
    default: return "(\(int(depth - 1)) \(one(["+", "-", "*", "/", "%"])) \(int(depth - 1)))"
    }
  }

  private mutating func double(_ depth: Int) -> String {
    if depth == 0 { return one(["x", "y", "0.5", "-1e300", "double(a)", "double(u)"]) }
    return below(4) == 0
      ? "math.\(one(["greatest", "least"]))(\(double(depth - 1)), \(double(depth - 1)))"
      : "(\(double(depth - 1)) \(one(["+", "-", "*", "/"])) \(double(depth - 1)))"
  }
}
