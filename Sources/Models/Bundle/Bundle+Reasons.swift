import Wire

extension Bundle {
  /// Up to four reasons for a flagged row: rules with an effect, declared reasons that hold in the order of the bundle, then the
  /// features that moved the model's score most. Called for flagged rows only.
  /// - Parameter held: indices of rules, as `RuleRunner` gives them.
  public func reasons(for row: UnsafeBufferPointer<Double>, held: SIMD4<UInt16> = Decision.noReasons) -> SIMD4<UInt16> {
    var reasons = Decision.noReasons
    var count = 0
    if let rules {
      var groups = Decision.noReasons
      for place in 0..<4 where held[place] != Decision.noReason {
        let rule = Int(held[place])
        let group = rules.codeGroups[rule]
        if groups[0] == group || groups[1] == group || groups[2] == group { continue }
        groups[count] = group
        reasons[count] = UInt16(reasonRules.count + rule)
        count += 1
      }
    }
    for (index, rule) in reasonRules.enumerated() where count < 4 && rule.holds(row[rule.feature]) {
      reasons[count] = UInt16(index)
      count += 1
    }
    guard count < 4, let model else { return reasons }
    let first = reasonRules.count + (rules?.book.rules.count ?? 0)
    for contribution in model.contributions(row) where count < 4 && contribution.value > 0 {
      reasons[count] = UInt16(first + contribution.feature)
      count += 1
    }
    return reasons
  }

  /// The codes of a decision's reasons, gravest first.
  public func reasons(of decision: Decision) -> [String] {
    (0..<4).compactMap { decision.reasons[$0] == Decision.noReason ? nil : reasonCodes[Int(decision.reasons[$0])] }
  }

  /// A decision's reasons in words, gravest first; a rule's text with the transaction's values put in. Empty where the bundle
  /// has no words for one. `record` and `row` as they were decided.
  public func reasonTexts(of decision: Decision, _ record: UnsafeRawBufferPointer, row: UnsafeBufferPointer<Double>) -> [String] {
    (0..<4).compactMap { place in
      guard decision.reasons[place] != Decision.noReason else { return nil }
      let index = Int(decision.reasons[place])
      if index < reasonRules.count { return reasonRules[index].text }
      guard let rules, index < reasonRules.count + rules.book.rules.count, let values = row.baseAddress else { return "" }
      return rules.text(of: index - reasonRules.count, record, row: values, score: decision.score)
    }
  }

  /// Adds `"reason_texts":["...",...]` to an alert's line, one for each reason; nothing where the bundle has no words for any.
  public func appendReasonTexts(
    of decision: Decision, _ record: UnsafeRawBufferPointer, row: UnsafeBufferPointer<Double>, toLine line: inout [UInt8]
  ) {
    let texts = reasonTexts(of: decision, record, row: row)
    guard texts.contains(where: { !$0.isEmpty }) else { return }
    precondition(line.suffix(2).elementsEqual("}\n".utf8), "an object's line ends with its brace")
    line.removeLast(2)
    line += Array(",\"reason_texts\":[".utf8)
    for (index, text) in texts.enumerated() {
      if index > 0 { line.append(UInt8(ascii: ",")) }
      let bytes = Array(text.utf8)
      line.appendText(bound: 6 * bytes.count + 2) { $0.put(quoted: bytes.span.bytes) }
    }
    line += Array("]}\n".utf8)
  }
}
