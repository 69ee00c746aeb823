import CEL
import Wire

/// Rules in YAML, some to a file.
///
/// ```yaml
/// version: 1
/// rules:
///   - id: card_testing
///     when: card.count_10m >= 4 && tx.amount < 2.0      # CEL; true where the rule holds
///     reason: CARD_TESTING
///     text: "{card.count_10m} tiny amounts within ten minutes"   # CEL in braces
///     action: decline          # review or decline; or score: 0.2, which is added to the model's
///     mode: on                 # on (default), shadow: counted, without effect, off
///     on_failure: open         # open (default): as if it didn't hold; closed: as if it held; review: sends to a person
/// ```
extension RuleSource {
  static func parse(yaml: String, file: String, _ findings: Findings) -> [RuleSource] {
    let lines = yaml.split(separator: "\n", omittingEmptySubsequences: false)
    return findings.attempt { () throws(DefinitionError) in
      let root = try DefinitionNode.parse(yaml: yaml, file: file, findings: findings)
      let top = try root.mapping(known: ["version", "rules"])
      try top.requireVersion(1)
      var sources: [RuleSource] = []
      for node in try top.required("rules").list(countMax: countMax) {
        if let source = findings.attempt({ () throws(DefinitionError) in try RuleSource(node, lines) }) { sources.append(source) }
      }
      return sources
    } ?? []
  }

  private static let keys = ["id", "when", "reason", "text", "action", "score", "mode", "on_failure"]

  private init(_ node: DefinitionNode, _ lines: [Substring]) throws(DefinitionError) {
    let entry = try node.mapping(known: Self.keys)
    let idNode = try entry.required("id")
    let whenNode = try entry.required("when")
    let textNode = entry["text"]
    rule = Rule(
      id: try idNode.identifier(), expression: try whenNode.text(lengthMax: 65_536), reasonCode: try entry.required("reason").reasonCode(),
      text: try textNode?.text(lengthMax: 512) ?? "", effect: try Self.effect(node, entry),
      mode: try entry["mode"]?.ruleMode() ?? .on, failureMode: try entry["on_failure"]?.failureMode() ?? .open)
    idPlace = idNode.textPlace(lines)
    expressionPlace = whenNode.textPlace(lines)
    textPlace = (textNode ?? node).textPlace(lines)
  }

  static func effect(_ node: DefinitionNode, _ entry: DefinitionMapping) throws(DefinitionError) -> Rule.Effect {
    switch (entry["action"], entry["score"]) {
    case (let action?, nil): return .action(try action.ruleAction())
    case (nil, let score?): return .score(try score.ruleScore())
    case (nil, nil): throw node.error("the rule has no effect", suggestion: "Give it an 'action' (review, decline) or a 'score'.")
    case (_?, let score?): throw score.error("a rule has an action or a score, not both")
    }
  }
}

extension DefinitionNode {
  /// `[A-Z][A-Z0-9_]*`, at most 64 bytes: what stands in decisions.
  func reasonCode() throws(DefinitionError) -> String {
    let code = try text(lengthMax: 64)
    let isValid = code.utf8.enumerated().allSatisfy { at, byte in
      (65...90).contains(byte) || at > 0 && ((48...57).contains(byte) || byte == UInt8(ascii: "_"))
    }
    guard isValid else {
      throw error("'\(code)' is no reason code", suggestion: "Use capital letters, digits and '_', a letter first.")
    }
    return code
  }

  func ruleAction() throws(DefinitionError) -> Decision.Action {
    if try text == "approve" {
      throw error("a rule can't approve what others flag", suggestion: "Give it a negative 'score', or let the other rules ask for it.")
    }
    return try word([("review", Decision.Action.review), ("decline", .decline)], kind: "action")
  }

  func ruleScore() throws(DefinitionError) -> Double {
    guard let score = Double(try text), score.isFinite, score != 0, score.magnitude <= 1e6 else {
      throw error("expected a number other than 0, found '\(try text)'")
    }
    return score
  }

  func ruleMode() throws(DefinitionError) -> Rule.Mode {
    try word(Rule.Mode.allCases.map { ($0.rawValue, $0) }, kind: "mode")
  }

  func failureMode() throws(DefinitionError) -> Rule.FailureMode {
    try word(Rule.FailureMode.allCases.map { ($0.rawValue, $0) }, kind: "failure mode")
  }
}
