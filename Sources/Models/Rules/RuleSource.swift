import CEL

/// A rule as a bundle's files declare it, with the places of its parts, so that what is wrong in them is told where it stands.
struct RuleSource {
  var rule: Rule
  var idPlace: TextPlace
  var expressionPlace: TextPlace
  var textPlace: TextPlace

  /// Rules of a bundle, at most.
  static let countMax = 2_000

  /// What was found wrong with the rule, as mistakes of its file.
  func errors(_ error: RuleError) -> [DefinitionError] {
    let place =
      switch error.part {
      case .id: idPlace
      case .expression: expressionPlace
      case .text: textPlace
      }
    return error.error.issues.map { issue in
      let (line, column) = error.error.source.position(of: issue.offset)
      return place.error(line: line, column: column, "rule '\(error.rule)': \(issue.message)")
    }
  }
}

/// Where a text that stands in a file begins.
struct TextPlace {
  var file: String
  /// Of the text's first line, from 1.
  var line: Int
  /// Of the first line's first character, and of the others', from 1.
  var firstColumn: Int
  var column: Int

  /// `line` and `column` count from 1 within the text. The language's "did you mean" becomes the suggestion.
  func error(line: Int, column: Int, _ message: String) -> DefinitionError {
    let parts = message.split(separator: "; did you mean ", maxSplits: 1)
    return DefinitionError(
      file: file, line: self.line + line - 1, column: (line == 1 ? firstColumn : self.column) + column - 1,
      message: String(parts.first ?? ""), suggestion: parts.count > 1 ? "Did you mean \(parts[1])" : nil)
  }
}

extension DefinitionNode {
  /// Where the scalar's text stands. `lines` are those of the file, for texts of several lines.
  func textPlace(_ lines: [Substring]) -> TextPlace {
    let (line, column) = (node.mark?.line ?? 1, node.mark?.column ?? 1)
    switch node.scalar?.style {
    case .literal, .folded:
      // The text begins below its bar, as far in as its first line that is not empty.
      var at = line
      while at < lines.count, lines[at].allSatisfy({ $0 == " " }) { at += 1 }
      let indent = at < lines.count ? lines[at].prefix { $0 == " " }.count : 0
      return TextPlace(file: file, line: line + 1, firstColumn: indent + 1, column: indent + 1)
    case .singleQuoted, .doubleQuoted: return TextPlace(file: file, line: line, firstColumn: column + 1, column: 1)
    default: return TextPlace(file: file, line: line, firstColumn: column, column: 1)
    }
  }
}
