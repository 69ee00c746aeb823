import Wire

extension Bundle {
  /// Up to four reasons for a flagged row: declared rules that hold, in the order of the bundle, then the features
  /// that moved the model's score most. Called for flagged rows only.
  public func reasons(for row: UnsafeBufferPointer<Double>) -> SIMD4<UInt16> {
    var reasons = Decision.noReasons
    var count = 0
    for (index, rule) in reasonRules.enumerated() where count < 4 && rule.holds(row[rule.feature]) {
      reasons[count] = UInt16(index)
      count += 1
    }
    guard count < 4, let model else { return reasons }
    for contribution in model.contributions(row) where count < 4 && contribution.value > 0 {
      reasons[count] = UInt16(reasonRules.count + contribution.feature)
      count += 1
    }
    return reasons
  }
}
