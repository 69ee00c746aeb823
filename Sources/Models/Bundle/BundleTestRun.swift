import Wire

/// Runs a bundle's own tests: the examples that its writers keep beside it, and the golden vectors that each worker must
/// reproduce before it says that it has loaded the bundle (S1).
public enum BundleTestRun {
  public struct Result: Sendable {
    public var name: String
    public var steps: Int
    /// What turned out otherwise, with its place in the test's file.
    public var failures: [DefinitionError]
  }

  /// In the order of the files. What is wrong with the files themselves is thrown.
  public static func run(_ bundle: Bundle, _ archive: BundleArchive) throws(DefinitionError) -> [Result] {
    let tests = try Findings.strict { BundleTest.all(in: archive, bundle.schema, bundle.features, $0) }
    var replay = BundleReplay(bundle)
    return tests.map { test in
      replay.forget()
      var failures: [DefinitionError] = []
      for step in test.steps {
        if let label = step.label {
          let standing = replay.label(label, step.record)
          if let why = Self.refusal(of: label, standing) { failures.append(step.node.error("test '\(test.name)': \(why)")) }
          continue
        }
        let decided = replay.decide(step.record)
        if let expectation = step.expectation {
          check(expectation, decided, replay.features, bundle, test.name, &failures)
        }
      }
      return Result(name: test.name, steps: test.steps.count { $0.label == nil }, failures: failures)
    }
  }

  /// Why a cluster would not take the label; nil where it counts from here on.
  private static func refusal(of label: Label, _ standing: LabelStanding) -> String? {
    switch standing {
    case .notKept: "no feature asks for labels: none are kept"
    case .unknown, .contradicted:
      "the card's history does not have the transaction: it was too late for it, or no feature looks back so far"
    case .known(let earlier):
      if let earlier, earlier.version >= label.version {
        "the transaction has a label of version \(earlier.version): give this one a higher label_version"
      } else {
        nil
      }
    }
  }

  private static func check(
    _ expected: BundleTest.Expectation, _ decision: Decision, _ row: [Double], _ bundle: Bundle, _ test: String,
    _ failures: inout [DefinitionError]
  ) {
    func fail(_ node: DefinitionNode, _ what: String, _ wanted: String, _ found: String) {
      failures.append(node.error("test '\(test)': \(what) is \(found), expected \(wanted)"))
    }
    if let action = expected.action, action.value != decision.action {
      fail(action.node, "action", "\(action.value)", "\(decision.action)")
    }
    if let score = expected.score, !((Double(decision.score) - score.value).magnitude < 5e-7) {
      fail(score.node, "score", "\(score.value)", "\(decision.score)")
    }
    if let reasons = expected.reasons, reasons.value != bundle.reasons(of: decision) {
      fail(reasons.node, "reasons", "\(reasons.value)", "\(bundle.reasons(of: decision))")
    }
    for feature in expected.features {
      let value = row[feature.index]
      let name = bundle.features.names[feature.index]
      if let wanted = feature.value {
        let isEqual = !value.isNaN && (value - wanted).magnitude <= 1e-9 * max(1, wanted.magnitude)
        if !isEqual { fail(feature.node, name, "\(wanted)", value.isNaN ? "missing" : "\(value)") }
      } else if !value.isNaN {
        fail(feature.node, name, "missing", "\(value)")
      }
    }
  }
}

/// Decides one transaction after the other by one bundle and one history: the code of a partition without its log.
public struct BundleReplay: ~Copyable {
  public let bundle: Bundle
  private var table: FeatureHistories
  private var decider = Decider()
  private var decisions: [Decision] = []
  /// Of the transaction decided last, in the set's order.
  public private(set) var features: [Double]

  public init(_ bundle: Bundle) {
    self.bundle = bundle
    table = FeatureHistories(features: bundle.features)
    features = [Double](repeating: 0, count: bundle.features.count)
  }

  /// `record` has passed the bundle's schema.
  public mutating func decide(_ record: [UInt8]) -> Decision {
    let view = TransactionView(trusted: record.span.bytes)
    let key = view.keyHash
    let seen = features.withUnsafeMutableBufferPointer { table.observe(view, keyHash: key, into: $0) }
    decisions.removeAll(keepingCapacity: true)
    record.withUnsafeBytes { bytes in
      features.withUnsafeBufferPointer { row in
        decider.decide(
          bundle, records: bytes, record: { _ in 0..<bytes.count }, matrix: row, rowCount: 1, stride: row.count,
          flags: [seen.decisionFlags], into: &decisions)
      }
    }
    return decisions[0]
  }

  /// What has become known of a transaction that was decided before; what the answer says of it was so before.
  mutating func label(_ label: Label, _ record: [UInt8]) -> LabelStanding {
    let view = TransactionView(trusted: record.span.bytes)
    let key = view.keyHash
    return table.label(label, view, keyHash: key)
  }

  public func takeTallies(_ body: (Rule, RuleTally) -> Void) { decider.takeTallies { body($1, $2) } }

  /// Begins with an empty history.
  public mutating func forget() { table = FeatureHistories(features: bundle.features) }
}
