import CEL

/// A rule's text with expressions in braces, checked beforehand and filled in for a transaction that a person will look at.
struct ReasonTemplate: Sendable {
  private enum Piece: Sendable {
    case text(String)
    case program(Program)
  }

  private var pieces: [Piece] = []

  /// - Throws: `RuleError` for a brace that is not closed, or an expression that is refused or has no text.
  init(_ template: String, rule: String, in environment: Environment) throws(RuleError) {
    var rest = template[...]
    var text = ""
    while let character = rest.popFirst() {
      if character == "{", rest.first != "{" {
        guard let end = rest.firstIndex(of: "}") else { throw RuleError(rule: rule, part: "text", message: "a '{' is not closed") }
        pieces.append(.text(text))
        text = ""
        pieces.append(.program(try Self.program(String(rest[..<end]), rule, environment)))
        rest = rest[rest.index(after: end)...]
      } else {
        // `{{` and `}}` are one brace.
        if character == "{" || character == "}", rest.first == character { rest.removeFirst() }
        text.append(character)
      }
    }
    pieces.append(.text(text))
  }

  private static func program(_ text: String, _ rule: String, _ environment: Environment) throws(RuleError) -> Program {
    do throws(ExpressionError) {
      return try Program("string(\(text))", in: environment)
    } catch {
      throw RuleError(rule: rule, part: "text", message: error.description)
    }
  }

  /// What has no value is shown as a question mark.
  func filled(_ value: (String) -> Value?) -> String {
    pieces.map { piece in
      switch piece {
      case .text(let text): return text
      case .program(let program):
        guard case .string(let text)? = try? program.evaluate(inputs: program.inputs.map(value)) else { return "?" }
        return text
      }
    }.joined()
  }
}
