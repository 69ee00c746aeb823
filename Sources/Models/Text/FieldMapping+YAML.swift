import Wire
import Yams

extension FieldMapping {
  /// Reads a mapping file:
  /// ```yaml
  /// fields:
  ///   transaction_id: TransID
  ///   event_time: {from: Time, format: "yyyy-MM-dd HH:mm:ss", timezone: UTC}   # or iso8601, epoch_s, epoch_ms
  ///   amount: {from: Amount, unit: major}                                      # or minor
  ///   currency: {constant: EUR}
  ///   channel: {from: Kind, map: {A: pos, B: ecommerce}}
  /// ```
  /// - Parameter extraFields: The schema's own fields, which may be mapped too.
  public init(yaml: String, extraFields: [ExtraFieldSpec] = []) throws(FieldMappingError) {
    let root: Node?
    do {
      root = try Yams.compose(yaml: yaml)
    } catch {
      throw Self.syntaxError(error, in: yaml)
    }
    guard let root, let top = root.mapping else {
      throw FieldMappingError(line: 1, "the file is a mapping with the key `fields`")
    }
    var rules: [Rule] = []
    for (key, value) in top {
      let (name, line) = try Self.text(key, "a key")
      guard name == "fields" else { throw Self.unknown("key", name, line, among: ["fields"]) }
      guard let fields = value.mapping else {
        throw FieldMappingError(line: Self.line(value), "`fields` is a mapping of field names to column names")
      }
      for (key, value) in fields { rules.append(try Self.rule(key, value, extraFields)) }
    }
    guard !rules.isEmpty else { throw FieldMappingError(line: 1, "`fields` names no field") }
    self.init(rules: rules)
  }

  private static func rule(_ key: Node, _ value: Node, _ extras: [ExtraFieldSpec]) throws(FieldMappingError) -> Rule {
    let (name, keyLine) = try text(key, "a field's name")
    guard var target = target(name, extras) else {
      throw unknown("field", name, keyLine, among: TransactionField.allCases.map(\.name) + extras.map(\.name))
    }
    guard let options = value.mapping else {
      return Rule(target, from: .column(try text(value, "a column's name").0))
    }
    var source: Source?
    var values: [String: String]?
    var format: (String, Int)?
    var zone: (String, Int)?
    for (key, value) in options {
      let (option, line) = try text(key, "an option")
      switch option {
      case "from", "constant":
        guard source == nil else { throw FieldMappingError(line: line, "give `from` or `constant`, not both") }
        let content = try text(value, "`\(option)`").0
        source = option == "from" ? .column(content) : .constant(content)
      case "format" where target == .field(.eventTime): format = try text(value, "`format`")
      case "timezone" where target == .field(.eventTime): zone = try text(value, "`timezone`")
      case "unit" where target == .field(.amount):
        let (unit, line) = try text(value, "`unit`")
        switch unit {
        case "major": break
        case "minor": target = .field(.amountMinor)
        default: throw unknown("unit", unit, line, among: ["major", "minor"])
        }
      case "map": values = try valueMap(value, target, extras)
      case "tokenize":
        throw FieldMappingError(
          line: line, "card numbers are not tokenised here; replace them by tokens before the file is written")
      default:
        let known =
          ["from", "constant", "map"] + (target == .field(.eventTime) ? ["format", "timezone"] : [])
          + (target == .field(.amount) || target == .field(.amountMinor) ? ["unit"] : [])
        throw unknown("option of `\(name)`", option, line, among: known)
      }
    }
    guard let source else {
      throw FieldMappingError(line: keyLine, "`\(name)` needs `from: COLUMN` or `constant: VALUE`")
    }
    let rule = Rule(target, from: source, time: try time(format, zone), values: values)
    if case .constant(let content) = source { try check(content, rule, line(value), extras) }
    return rule
  }

  private static func time(_ format: (String, Int)?, _ zone: (String, Int)?) throws(FieldMappingError) -> TimeFormat {
    let offset = try zone.map { (zone) throws(FieldMappingError) in try minutes(zone) }
    guard let format else { return offset == nil ? .automatic : .iso8601(defaultOffset: offset) }
    switch format.0 {
    case "iso8601": return .iso8601(defaultOffset: offset)
    case "epoch_s": return .epochSeconds
    case "epoch_ms": return .epochMilliseconds
    case let text:
      guard let pattern = TimePattern(text) else {
        throw FieldMappingError(
          line: format.1,
          "`\(text)` is no time format; use iso8601, epoch_s, epoch_ms or a pattern of yyyy MM dd HH mm ss SSS")
      }
      return .pattern(pattern, offsetMinutes: offset ?? 0)
    }
  }

  /// `UTC` or a fixed offset. A place's name is refused: its local times repeat and skip hours.
  private static func minutes(_ zone: (String, Int)) throws(FieldMappingError) -> Int {
    if zone.0 == "UTC" || zone.0 == "Z" { return 0 }
    let text = Array(zone.0.utf8)
    guard !text.isEmpty, let offset = try? Timestamp.parseOffset(text.span.bytes, 0) else {
      throw FieldMappingError(line: zone.1, "`\(zone.0)` is no time zone; use UTC or an offset such as \"+02:00\"")
    }
    return offset
  }

  private static func valueMap(
    _ node: Node, _ target: Target, _ extras: [ExtraFieldSpec]
  ) throws(FieldMappingError) -> [String: String] {
    guard let pairs = node.mapping else {
      throw FieldMappingError(line: line(node), "`map` is a mapping of values to values")
    }
    var values: [String: String] = [:]
    for (key, value) in pairs {
      let (content, valueLine) = try text(value, "a value in `map`")
      try check(content, Rule(target, from: .constant(content)), valueLine, extras)
      values[try text(key, "a value in `map`").0] = content
    }
    return values
  }

  /// Refuses a constant that no transaction could hold, by taking it through the same way as a row's value.
  private static func check(
    _ content: String, _ rule: Rule, _ line: Int, _ extras: [ExtraFieldSpec]
  ) throws(FieldMappingError) {
    var assembler = TransactionAssembler(plan: FieldPlan(FieldMapping(rules: [rule]), extraFields: extras))
    var builder = TransactionBuilder()
    do {
      try assembler.applyConstants(to: &builder)
    } catch {
      throw FieldMappingError(line: line, "`\(content)` is no value for `\(rule.target.name)`: \(error.detail)")
    }
  }

  private static func target(_ name: String, _ extras: [ExtraFieldSpec]) -> Target? {
    if let field = TransactionField(name: name) { return .field(field) }
    return extras.contains { $0.name == name } ? .extra(name) : nil
  }

  private static func text(_ node: Node, _ what: String) throws(FieldMappingError) -> (String, Int) {
    guard let scalar = node.scalar else { throw FieldMappingError(line: line(node), "\(what) is one plain value") }
    return (scalar.string, line(node))
  }

  private static func line(_ node: Node) -> Int { node.mark?.line ?? 0 }

  private static func unknown(_ what: String, _ name: String, _ line: Int, among known: [String]) -> FieldMappingError {
    FieldMappingError(line: line, "unknown \(what) `\(name)`. \(Suggestion.sentence(for: name, among: known))")
  }

  /// The parser tells where the mapping begins; the second line from there that begins with the key is meant.
  private static func lineOfRepeat(_ key: String, in yaml: String, from first: Int) -> Int {
    let lines = yaml.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    let hits = lines.filter { $0.offset + 1 >= first && $0.element.drop { $0 == " " }.hasPrefix("\(key):") }
    return hits.count > 1 ? hits[1].offset + 1 : first
  }

  private static func syntaxError(_ error: any Error, in yaml: String) -> FieldMappingError {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      FieldMappingError(line: mark.line, problem)
    case .duplicatedKeysInMapping(let keys, let context):
      FieldMappingError(
        line: lineOfRepeat(keys.first ?? "", in: yaml, from: context.mark.line),
        "`\(keys.joined(separator: "`, `"))` stands twice")
    default: FieldMappingError(line: 0, "the file is not YAML: \(error)")
    }
  }
}
