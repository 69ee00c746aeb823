import Testing

@testable import CEL

@Suite("CEL: expressions are read strictly")
struct SyntaxTests {
  static func refusal(_ text: String, _ environment: Environment = Environment()) -> String? {
    do throws(ExpressionError) {
      _ = try CheckedExpression.check(text, in: environment)
      return nil
    } catch {
      return error.description
    }
  }

  @Test(arguments: [
    ("1 +", "1:4: a value was expected, not the end of the expression"),
    ("a = 1", "1:3: '=' is no operator: to compare, write '=='"),
    ("a & b", "1:3: '&' is no operator: a logical and is '&&', of bits math.bitAnd"),
    ("(1", "1:3: ')' was expected, not the end of the expression"),
    ("1 2", "1:3: an operator or the end was expected, not a number"),
    ("'abc", "1:1: the string is not closed"),
    ("'a\nb'", "1:1: the string is not closed on its line; three quotes may hold several"),
    ("'\\q'", "1:2: unknown escape; a backslash itself is '\\\\'"),
    ("'\\ud800'", "1:2: the escape names no Unicode code point"),
    ("9223372036854775808", "1:1: the number is outside of what an int can hold"),
    ("1e999", "1:1: 1e999 is outside of what a double can hold"),
    ("5min", "1:1: a letter follows the number"),
    ("for", "1:1: 'for' is reserved and names neither a variable nor a function"),
    ("has(a)", "1:5: has() takes a field such as has(a.b)"),
    ("[1].all(1, true)", "1:9: all() takes the name of a variable here"),
    ("größe", "1:3: letters outside of ASCII belong into quotes"),
  ])
  func aFaultIsNamedWithItsPlace(text: String, message: String) {
    #expect(Self.refusal(text)?.split(separator: "\n", omittingEmptySubsequences: false).first.map(String.init) == message)
  }

  @Test func theCaretStandsBelowTheFault() {
    #expect(Self.refusal("true &&\n  'é' + 1 > 2") == "2:7: no such overload: '+' of string, int\n |   'é' + 1 > 2\n |       ^")
  }

  @Test func everyFaultOfTheCheckerIsNamed() {
    let environment = Environment(variables: ["amount": .double, "country": .string])
    #expect(
      Self.refusal("amuont > 5.0 && country == 5", environment) == """
        1:1: there is no variable 'amuont'; did you mean 'amount'?
         | amuont > 5.0 && country == 5
         | ^
        1:25: no such overload: '==' of string, int
         | amuont > 5.0 && country == 5
         |                         ^
        """)
  }

  @Test(arguments: [
    ("amount + 1", "no such overload: '+' of double, int; numbers of different types don't mix: convert one, as in double(x)"),
    ("country.startWith('N')", "there is no method 'startWith'; did you mean 'startsWith'?"),
    ("startsWith(country, 'N')", "'startsWith' is a method: write value.startsWith(...)"),
    ("country.size(1)", "no such overload: string.size(int); there is string.size(), bytes.size(), list(A).size()"),
    ("amount && true", "'&&' takes bool, not double"),
    ("country.matches('(')", "the pattern '(' can't be used: a '(' is not closed"),
    ("country.code", "a value of type string has no field 'code'"),
    ("country.all(c, true)", "a loop runs over a list or a map, not over string"),
    ("[1, 2].all(x, x)", "a condition is bool, not int"),
    ("{1.5: 2}", "unsupported key type: double; keys are int, uint, bool or string"),
    ("Thing{a: 1}", "'Thing' is no message type: messages can't be made here"),
  ])
  func theCheckerSaysWhatToDo(text: String, message: String) {
    let refusal = Self.refusal(text, Environment(variables: ["amount": .double, "country": .string]))
    #expect(refusal?.contains(message) == true, "\(refusal ?? "accepted")")
  }

  @Test func nestingIsBounded() {
    for (open, close) in [("(", ")"), ("[", "]"), ("!", ""), ("-", ""), ("1?1:", ""), ("{1:", "}"), ("f(", ")")] {
      let text = String(repeating: open, count: 5000) + "1" + String(repeating: close, count: 5000)
      #expect(Self.refusal(text)?.contains("nested parts") == true, "\(open)")
    }
    #expect(Self.refusal("1" + String(repeating: "+1", count: 5000))?.contains("deeper than 250") == true)
    #expect(Self.refusal("1" + String(repeating: "[0]", count: 5000))?.contains("deeper than 250") == true)
    #expect(Self.refusal("true" + String(repeating: " && true", count: 5000)) == nil)
    #expect(Self.refusal(String(repeating: " ", count: 65_537))?.contains("longer than 65536 bytes") == true)
    let loops = (0..<5).map { "[1].all(x\($0), " }.joined() + "true" + String(repeating: ")", count: 5)
    #expect(Self.refusal(loops)?.contains("more than 4 loops") == true)
  }
}
