import CEL

/// A rule's text with expressions in braces, checked beforehand and filled in for a transaction that a person will look at.
struct ReasonTemplate: Sendable {
  private enum Piece: Sendable {
    case text(String)
    case program(Program)
  }

  private var pieces: [Piece] = []

  /// The variables that its expressions read.
  var inputs: Set<String> {
    Set(pieces.flatMap { if case .program(let program) = $0 { program.inputs } else { [String]() } })
  }

  /// - Throws: `RuleError` for a brace that is not closed, or an expression that is refused or has no text.
  init(_ template: String, rule: String, in environment: Environment) throws(RuleError) {
    let bytes = Array(template.utf8)
    var at = 0
    var text: [UInt8] = []
    while at < bytes.count {
      let byte = bytes[at]
      let isDoubled = at + 1 < bytes.count && bytes[at + 1] == byte
      if byte == UInt8(ascii: "{"), !isDoubled {
        guard let end = bytes[at...].firstIndex(of: UInt8(ascii: "}")) else {
          throw RuleError(rule: rule, part: .text, template, at: at, "a '{' is not closed")
        }
        pieces.append(.text(String(decoding: text, as: UTF8.self)))
        text = []
        pieces.append(.program(try Self.program(template, at + 1..<end, rule, environment)))
        at = end + 1
      } else {
        // `{{` and `}}` are one brace.
        text.append(byte)
        at += isDoubled && (byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}")) ? 2 : 1
      }
    }
    pieces.append(.text(String(decoding: text, as: UTF8.self)))
  }

  private static func program(
    _ template: String, _ range: Range<Int>, _ rule: String, _ environment: Environment
  ) throws(RuleError) -> Program {
    let call = "string("
    let expression = String(decoding: Array(template.utf8)[range], as: UTF8.self)
    do throws(ExpressionError) {
      return try Program("\(call)\(expression))", in: environment)
    } catch {
      // Places in what was evaluated are moved to where the expression stands in the text.
      let issues = error.issues.map { issue in
        ExpressionIssue(
          offset: min(max(issue.offset - call.utf8.count, 0), range.count) + range.lowerBound, message: issue.message)
      }
      throw RuleError(rule: rule, part: .text, error: ExpressionError(source: SourceText(template), issues: issues))
    }
  }

  /// What has no value is shown as a question mark.
  func filled(at time: Int64 = 0, _ value: (String) -> Value?) -> String {
    pieces.map { piece in
      switch piece {
      case .text(let text): return text
      case .program(let program):
        guard case .string(let text)? = try? program.evaluate(inputs: program.inputs.map(value), time: time) else { return "?" }
        return text
      }
    }.joined()
  }
}
