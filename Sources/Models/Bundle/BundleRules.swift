import CEL
import Wire

/// A bundle's rules, gravest first: declines, then reviews, then scores; within these by file and place.
public struct BundleRules: Sendable {
  public let book: Rulebook
  /// What the expressions read: the inputs of the book, in its order.
  let inputs: RuleInputs
  /// All that may be named, for the texts.
  private let allInputs: RuleInputs
  /// For each rule the first one with the same reason code: a code is told once.
  let codeGroups: [UInt16]

  /// nil if something is wrong with a rule, which `findings` hears of.
  init?(_ sources: [RuleSource], _ inputs: RuleInputs, tables: [String: any MemberTable], zones: ZoneTable, _ findings: Findings) {
    let sorted = sources.enumerated().sorted { (Self.rank($0.element.rule), $0.offset) < (Self.rank($1.element.rule), $1.offset) }
      .map(\.element)
    let checked = CheckedRules(sorted.map(\.rule), inputs: inputs.declared, tables: tables, zones: zones)
    guard checked.errors.isEmpty else {
      for error in checked.errors {
        for found in sorted[error.rule].errors(error.error) { findings.add(found) }
      }
      return nil
    }
    self.inputs = inputs.only(checked.expressionInputs)
    allInputs = inputs
    book = Rulebook(checked, inputs: self.inputs.declared)
    let codes = sorted.map(\.rule.reasonCode)
    codeGroups = codes.map { code in UInt16(codes.firstIndex(of: code)!) }
  }

  private static func rank(_ rule: Rule) -> Int {
    switch rule.effect {
    case .action(.decline): 0
    case .action: 1
    case .score: 2
    }
  }

  /// The rule's text for a decided transaction: `record` and `row` as they were decided; `score` stands for
  /// `model.score`.
  func text(of rule: Int, _ record: UnsafeRawBufferPointer, row: UnsafePointer<Double>, score: Float) -> String {
    let template = book.templates[rule]
    let inputs = allInputs.only(template.inputs)
    let environment = Environment(
      variables: Dictionary(inputs.declared.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first }))
    let frame = ScalarFrame(ScalarSet([], inputs: inputs.declared, in: environment))
    inputs.fill(frame, record, row: row, score: score)
    let places = Dictionary(
      inputs.declared.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
    return template.filled(at: frame.time) { name in places[name].flatMap { frame.value(ofInput: $0) } }
  }
}
