import Testing

@testable import CEL

@Suite("CEL: what the conformance files leave open")
struct EvaluationTests {
  static func value(_ text: String, _ variables: [String: Value] = [:], limits: ExpressionLimits = ExpressionLimits()) throws -> Value {
    var environment = Environment(variables: variables.mapValues { _ in .dyn })
    environment.limits = limits
    return try Program(text, in: environment).evaluate(variables)
  }

  static func error(_ text: String, _ variables: [String: Value] = [:]) throws -> EvaluationError.Code? {
    var limits = ExpressionLimits()
    limits.stepsMax = 100_000
    do {
      _ = try value(text, variables, limits: limits)
      return nil
    } catch let error as EvaluationError {
      return error.code
    }
  }

  @Test(arguments: [
    // Nothing may take long or grow large, whatever the inputs.
    "l.map(a, l.map(b, l.map(c, l))).size() > 0", "l.all(a, l.all(b, l.all(c, l.all(d, a + b + c + d >= 0))))",
    "cel.bind(a, s + s, cel.bind(b, a + a, cel.bind(c, b + b, cel.bind(d, c + c, d + d + d + d + d + d + d + d + d + d + d + d + d + d + d + d))))",
    "s.replace('', s).replace('', s).size() > 0", "l.map(a, s).join(s).size() > 0",
    "cel.bind(a, [l, l, l, l, l, l], cel.bind(b, [a, a, a, a, a, a], l.all(x, l.all(y, b == b))))",
    "'%s'.format([l.map(a, l.map(b, s))]).size() > 0", "l.exists(a, l.exists(b, l.exists(c, s.matches('(x+x+)+y'))))",
  ])
  func workIsBounded(_ text: String) throws {
    let list = Value.list((0..<200).map { .int(Int64($0)) })
    #expect(try Self.error(text, ["l": list, "s": .string(String(repeating: "x", count: 60_000))]) == .tooCostly)
  }

  /// Each binding asks for the one before: as deep as they are many, though the text nests nowhere.
  @Test func bindingsThatAskForOneAnotherAreBounded() throws {
    let rows = (1..<3000).map { "cel.index(\($0 - 1))+a" }.joined(separator: ",")
    let text = "cel.block([a,\(rows)],cel.index(2999)) > 0"
    #expect(try Self.error(text, ["a": .int(1)]) == .tooCostly)
    let environment = Environment(variables: ["a": .int, "y": .double])
    let set = ScalarSet([try CheckedExpression.check(text, in: environment)], inputs: [ScalarInput("a", .int)], in: environment)
    #expect(set.refusals[0] != nil)
    // Twice each time, of what has no scalar program: found once for each node, not 2^40 times.
    let signs = (1..<40).map { "cel.index(\($0 - 1))+cel.index(\($0 - 1))" }.joined(separator: ",")
    let doubled = try CheckedExpression.check("cel.block([math.sign(y),\(signs)],cel.index(39)) > 0.0", in: environment)
    let inputs = [ScalarInput("y", .double, mayBeMissing: false)]
    #expect(ScalarSet([doubled], inputs: inputs, in: environment).program(of: 0) == nil)
  }

  @Test func nothingAbsorbsTheBound() throws {
    let list = Value.list((0..<200).map { .int(Int64($0)) })
    #expect(try Self.error("l.all(a, l.all(b, l.all(c, a + b + c >= 0))) || size(l) > 0", ["l": list]) == .tooCostly)
  }

  @Test(arguments: [
    ("'é' == 'e\\u0301'", Value.bool(false)),
    ("{'é': 1, 'e\\u0301': 2}['é']", .int(1)),
    ("{'b': 1, 'a': 2, 'c': 3}.map(k, k).join()", .string("bac")),
    ("{'a': 1, 'b': 2}.transformMapEntry(k, v, {v: k})[2]", .string("b")),
    ("string(1e21) + ' ' + string(123456789.0) + ' ' + string(1.0e-5) + ' ' + string(0.1)", .string("1e+21 123456789 1e-05 0.1")),
    ("'%.0f %.0f %.1f %.2e'.format([0.5, 1.5, 0.25, 12350.0])", .string("0 2 0.2 1.24e+04")),
    ("'%.20f'.format([0.1])", .string("0.10000000000000000555")),
    ("'%x %b %o'.format([-255, -5, 8u])", .string("-ff -101 10")),
    ("'a,b,c'.split(',', 2)[1] + 'aaa'.replace('', '-', 2)", .string("b,c-a-aa")),
    ("string(duration('-1.5h')) + string(timestamp('1969-12-31T23:59:59.5Z') - timestamp(0))", .string("-5400s-0.5s")),
    ("timestamp('2024-02-29T23:30:00-01:30').getDayOfYear()", .int(60)),
    ("string(ip('2001:0:0:1:0:0:0:1')) + string(ip('1:0:0:2:3:4:5:6'))", .string("2001:0:0:1::11::2:3:4:5:6")),
    ("base64.decode('YQ==') == b'a' && base64.encode(b'\\xff\\xfe') == '//4='", .bool(true)),
    ("cel.bind(x, 1 / 0, true || x > 0)", .bool(true)),
    ("9007199254740993 == int(9007199254740992.0)", .bool(false)),
    ("'ABC'.matches('(?i)^a[b-d]{2}$') && !'ABC'.matches('^a')", .bool(true)),
  ])
  func oneExpression(_ text: String, _ wanted: Value) throws {
    let value = try Self.value(text)
    #expect(ConformanceValue.isSame(value, wanted), "\(value)")
  }

  @Test(
    arguments: [
      ("^a.b", "xaxbx", false), ("a.b", "xaxbx", true), ("^$", "", true), ("(a|b)*c", "ababc", true), ("\\bfoo\\b", "a foo b", true),
      ("\\bfoo\\b", "afoob", false), ("[^a-c]", "abc", false), ("[[:digit:]]{3}", "a123", true), ("x{2,3}y", "xy", false),
      ("x{,3}", "x{,3}", true),
      ("(?s)a.b", "a\nb", true), ("a.b", "a\nb", false), ("(?m)^b$", "a\nb\nc", true), ("\\Qa.b\\E", "axb", false), ("é+", "caféé", true),
      ("a**", "", nil), ("(?=a)", "", nil), ("[b-a]", "", nil), ("\\1", "", nil), ("(a", "", nil), ("a{1001}", "", nil),
      ("(((a{99}){99}){99})", "", nil),
      ("((((){999}){999}){999}){999}", "", nil), ("\\pL", "", nil), ("[", "", nil), ("\\", "", nil), (")", "", nil),
    ] as [(String, String, Bool?)])
  func patternsAreThoseOfRE2(_ pattern: String, _ text: String, _ wanted: Bool?) throws {
    var matcher = PatternMatcher()
    guard let compiled = try? Pattern(pattern) else {
      #expect(wanted == nil, "\(pattern) was refused")
      return
    }
    var text = text
    let answer = text.withUTF8 { matcher.matches(compiled, $0) }
    #expect(answer == wanted)
  }

  @Test func zonesFollowTheirRuleBehindTheLastTransition() throws {
    let oslo = try #require(ZoneRule("CET-1CEST,M3.5.0,M10.5.0/3"))
    let summer = try #require(TimeText.instant("2040-07-01T00:00:00Z")).seconds
    #expect(oslo.distance(at: summer) == 7200 && oslo.distance(at: summer + 183 * 86_400) == 3600)
    let change = try #require(TimeText.instant("2040-03-25T01:00:00Z")).seconds
    #expect(oslo.distance(at: change - 1) == 3600 && oslo.distance(at: change) == 7200)
    let sydney = try #require(ZoneRule("AEST-10AEDT,M10.1.0,M4.1.0/3"))
    #expect(sydney.distance(at: summer) == 36_000 && sydney.distance(at: summer + 183 * 86_400) == 39_600)
    let odd = try #require(ZoneRule("<+0330>-3:30"))
    #expect(odd.distance(at: summer) == 12_600)
    #expect(throws: ZoneError.self) { try TZifReader.zone(Array("TZif".utf8)) }
  }
}
