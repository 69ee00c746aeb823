import Wire

/// An example of what a bundle decides: transactions in their order, and what is expected of each.
///
/// ```yaml
/// # tests/velocity.yaml
/// version: 1
/// tests:
///   - name: the fourth tiny amount is declined
///     steps:
///       - transaction: {transaction_id: t1, event_time: 2026-01-05T10:00:00Z, amount: 1.00, currency: EUR, card: c1}
///       - transaction: {transaction_id: t2, event_time: 2026-01-05T10:01:00Z, amount: 1.50, currency: EUR, card: c1}
///         expect:
///           action: decline              # approve, review, decline
///           score: 0.61                  # to 6 places
///           reasons: [CARD_TESTING]      # exactly these, in this order
///           features: {count_10m: 2, mcc: missing}
///       - label: {transaction_id: t1, label: fraud}     # known from here on; label_version and card where they are needed
/// ```
/// Each test begins with an empty history. A transaction's keys are those of NDJSON.
struct BundleTest {
  static let folder = "tests/"
  static let stepsMax = 10_000

  struct Step {
    var record: [UInt8]
    /// What has become known of the transaction, which was a step before; nil where it is decided now.
    var label: Label?
    var expectation: Expectation?
    /// For what turns out otherwise.
    var node: DefinitionNode
  }

  struct Expectation {
    var action: (value: Decision.Action, node: DefinitionNode)?
    var score: (value: Double, node: DefinitionNode)?
    var reasons: (value: [String], node: DefinitionNode)?
    /// nil is a feature that has no value.
    var features: [(index: Int, value: Double?, node: DefinitionNode)] = []
  }

  var name: String
  var steps: [Step]

  /// The tests of all files; what is wrong with one goes to `findings`.
  static func all(in archive: BundleArchive, _ schema: Schema, _ features: FeatureSet, _ findings: Findings) -> [BundleTest] {
    var tests: [BundleTest] = []
    for file in archive.files.keys.sorted() where file.hasPrefix(folder) && file.hasSuffix(".yaml") {
      let text = String(decoding: archive.files[file]!, as: UTF8.self)
      let reader = BundleTestReader(schema: schema, features: features, findings: findings)
      tests += findings.attempt { () throws(DefinitionError) in try reader.read(text, file) } ?? []
    }
    if tests.reduce(0, { $0 + $1.steps.count }) > stepsMax {
      findings.add(DefinitionError(file: folder, message: "the tests have more than \(stepsMax) transactions"))
      return []
    }
    return tests
  }
}

private struct BundleTestReader {
  let schema: Schema
  let features: FeatureSet
  let findings: Findings

  func read(_ text: String, _ file: String) throws(DefinitionError) -> [BundleTest] {
    let root = try DefinitionNode.parse(yaml: text, file: file, findings: findings)
    let top = try root.mapping(known: ["version", "tests"])
    try top.requireVersion(1)
    var tests: [BundleTest] = []
    for node in try top.required("tests").list(countMax: BundleTest.stepsMax) {
      let test = findings.attempt { () throws(DefinitionError) in
        let entry = try node.mapping(known: ["name", "steps"])
        let name = try entry.required("name").text(lengthMax: 200)
        var steps: [BundleTest.Step] = []
        for step in try entry.required("steps").list(countMax: BundleTest.stepsMax) {
          if let read = findings.attempt({ () throws(DefinitionError) in try self.step(step, behind: steps) }) { steps.append(read) }
        }
        return BundleTest(name: name, steps: steps)
      }
      if let test { tests.append(test) }
    }
    return tests
  }

  private func step(_ node: DefinitionNode, behind steps: [BundleTest.Step]) throws(DefinitionError) -> BundleTest.Step {
    let entry = try node.mapping(known: ["transaction", "expect", "label"])
    if let label = entry["label"] {
      guard entry["transaction"] == nil, entry["expect"] == nil else { throw node.error("a label is a step of its own") }
      return try self.label(label, behind: steps)
    }
    return BundleTest.Step(
      record: try record(try entry.required("transaction")), expectation: try entry["expect"].map(expectation), node: node)
  }

  /// Of the newest transaction of this id, and card.
  private func label(_ node: DefinitionNode, behind steps: [BundleTest.Step]) throws(DefinitionError) -> BundleTest.Step {
    let entry = try node.mapping(known: ["transaction_id", "card", "label", "label_version"])
    let idNode = try entry.required("transaction_id")
    let id = Array(try idNode.text.utf8)
    let card = try entry["card"].map { (node) throws(DefinitionError) in Array(try node.text.utf8) }
    let finding = try entry.required("label").word([("fraud", Label.Finding.fraud), ("legitimate", .legitimate)], kind: "label")
    let version = UInt16(try entry["label_version"]?.integer(in: 1...65_535) ?? 1)
    let known = steps.last { step in
      guard step.label == nil else { return false }
      let view = TransactionView(trusted: step.record.span.bytes)
      guard view.id.withUnsafeBytes({ $0.elementsEqual(id) }) else { return false }
      return card.map { card in view.card.withUnsafeBytes { $0.elementsEqual(card) } } ?? true
    }
    guard let known else { throw idNode.error("no step before is a transaction of this id") }
    return BundleTest.Step(record: known.record, label: Label(finding, version: version), expectation: nil, node: node)
  }

  private func record(_ node: DefinitionNode) throws(DefinitionError) -> [UInt8] {
    let specs = schema.fields.map { ExtraFieldSpec(name: $0.name, kind: $0.kind, isRequired: $0.isRequired) }
    var parser = TransactionJSON(extraFields: specs, refuseUnknownFields: true)
    var builder = TransactionBuilder()
    let json = try node.json
    do throws(Rejection) {
      try parser.parse(json.span.bytes, into: &builder)
      var record: [UInt8] = []
      builder.append(to: &record)
      if let rejection = schema.validate(record.span.bytes, now: builder.eventTime) { throw rejection }
      return record
    } catch {
      throw (node.member(error.field) ?? node).error("the transaction is refused: \(error)")
    }
  }

  private func expectation(_ node: DefinitionNode) throws(DefinitionError) -> BundleTest.Expectation {
    let entry = try node.mapping(known: ["action", "score", "reasons", "features"])
    var expectation = BundleTest.Expectation()
    if let action = entry["action"] {
      expectation.action = (try action.word([("approve", .approve), ("review", .review), ("decline", .decline)], kind: "action"), action)
    }
    if let score = entry["score"] { expectation.score = (try score.number, score) }
    if let reasons = entry["reasons"] {
      var codes: [String] = []
      for code in try reasons.list(countMax: 4) { codes.append(try code.text) }
      expectation.reasons = (codes, reasons)
    }
    if let values = entry["features"] {
      let members = try values.mapping(known: features.names)
      for (index, name) in features.names.enumerated() {
        guard let value = members[name] else { continue }
        expectation.features.append((index, try value.text == "missing" ? nil : try value.number, value))
      }
    }
    return expectation
  }
}

extension DefinitionNode {
  /// Any finite number.
  package var number: Double {
    get throws(DefinitionError) {
      guard let value = Double(try text), value.isFinite else { throw error("expected a number, found '\(try text)'") }
      return value
    }
  }

  /// A mapping of single values as a JSON object: numbers, true and false as such where they stand without quotes.
  fileprivate var json: [UInt8] {
    get throws(DefinitionError) {
      guard let mapping = node.mapping else { throw error("expected a mapping") }
      var members: [String] = []
      for (key, value) in mapping {
        let value = DefinitionNode(node: value, file: file, path: "\(path).\(key.string ?? "")")
        let text = try value.text
        let isBare = value.node.scalar?.style == .plain && (text == "true" || text == "false" || Self.isNumber(text))
        members.append("\(Self.quoted(key.string ?? "")):\(isBare ? text : Self.quoted(text))")
      }
      return Array("{\(members.joined(separator: ","))}".utf8)
    }
  }

  fileprivate func member(_ key: String) -> DefinitionNode? {
    guard !key.isEmpty, let value = node.mapping?.first(where: { $0.key.string == key })?.value else { return nil }
    return DefinitionNode(node: value, file: file, path: "\(path).\(key)")
  }

  /// JSON's own grammar, of the numbers that people write.
  private static func isNumber(_ text: String) -> Bool {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }) else {
      return false
    }
    return parts[0].count == 1 || !parts[0].hasPrefix("0")
  }

  private static func quoted(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var out: [UInt8] = []
    out.appendText(bound: 6 * bytes.count + 2) { $0.put(quoted: bytes.span.bytes) }
    return String(decoding: out, as: UTF8.self)
  }
}
