import CEL

/// A rule in a file of its own: CEL, with what else there is to say in comments at its head. The file's name is the rule's id.
///
/// ```cel
/// // reason: CARD_TESTING
/// // text: {card.count_10m} tiny amounts within ten minutes
/// // action: decline
/// card.count_10m >= 4 && tx.amount < 2.0
/// ```
extension RuleSource {
  static func parse(cel text: String, file: String, _ findings: Findings) -> RuleSource? {
    findings.attempt { () throws(DefinitionError) in
      // The head is read as the YAML mapping that it is without its slashes; what is left keeps its place.
      var head: [String] = []
      var lines: [Substring] = []
      for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
        guard line.hasPrefix("//") else { break }
        head.append("  " + line.dropFirst(2))
        lines.append(line)
      }
      guard !head.isEmpty else {
        throw DefinitionError(
          file: file, line: 1, column: 1, message: "the rule has no head",
          suggestion: "Begin the file with comments such as '// reason: CODE' and '// action: review'.")
      }
      let yaml = head.joined(separator: "\n")
      let name = String(file.split(separator: "/").last?.dropLast(".cel".count) ?? "")
      let root = try DefinitionNode.parse(yaml: yaml, file: file, findings: findings)
      let entry = try root.mapping(known: ["reason", "text", "action", "score", "mode", "on_failure"])
      let textNode = entry["text"]
      let rule = Rule(
        id: try identifier(name, file), expression: text, reasonCode: try entry.required("reason").reasonCode(),
        text: try textNode?.text(lengthMax: 512) ?? "", effect: try effect(root, entry), mode: try entry["mode"]?.ruleMode() ?? .on,
        failureMode: try entry["on_failure"]?.failureMode() ?? .open)
      let start = TextPlace(file: file, line: 1, firstColumn: 1, column: 1)
      return RuleSource(rule: rule, idPlace: start, expressionPlace: start, textPlace: textNode?.textPlace(lines) ?? start)
    }
  }

  private static func identifier(_ name: String, _ file: String) throws(DefinitionError) -> String {
    let node = try DefinitionNode.parse(yaml: name.isEmpty ? "''" : name, file: file)
    return try node.identifier()
  }
}
