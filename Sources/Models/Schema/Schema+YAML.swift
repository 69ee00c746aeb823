import Wire

extension Schema {
  /// Reads a schema; see `Schema` for the format. `file` is the name that errors carry.
  public static func parse(yaml: String, file: String = "schema.yaml") throws(DefinitionError) -> Schema {
    try Findings.strict { parse(yaml: yaml, file: file, $0) }
  }

  /// Goes on behind a fault; what it gives then is for looking further only.
  static func parse(yaml: String, file: String, _ findings: Findings) -> Schema? {
    findings.attempt { () throws(DefinitionError) in
      let root = try DefinitionNode.parse(yaml: yaml, file: file, findings: findings)
      let top = try root.mapping(known: ["version", "fields", "limits", "currencies", "coordinates"])
      try top.requireVersion(1)
      var fields: [Field] = []
      for node in try top["fields"]?.list(countMax: fieldCountMax) ?? [] {
        if let field = findings.attempt({ () throws(DefinitionError) in try field(node, after: fields) }) { fields.append(field) }
      }
      let limits = try top["limits"]?.mapping(known: ["future_tolerance", "oldest_event_age"])
      let day: Int64 = 86_400_000
      func limit(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
        findings.attempt { () throws(DefinitionError) in try limits?[name]?.duration(in: range) } ?? nil
      }
      return Schema(
        fields: fields, futureTolerance: limit("future_tolerance", in: 0...day) ?? 300_000,
        oldestEventAge: limit("oldest_event_age", in: 60_000...36_500 * day),
        currencies: findings.attempt { () throws(DefinitionError) in try currencies(top["currencies"]) } ?? nil,
        coordinates: findings.attempt { () throws(DefinitionError) in try coordinates(top["coordinates"], fields) } ?? nil)
    }
  }

  private static func field(_ node: DefinitionNode, after earlier: [Field]) throws(DefinitionError) -> Field {
    let entry = try node.mapping(known: ["name", "type", "required"])
    let nameNode = try entry.required("name")
    let name = try nameNode.identifier()
    guard !fixedFieldNames.contains(name) else { throw nameNode.error("'\(name)' is a fixed field and always there") }
    guard !earlier.contains(where: { $0.name == name }) else { throw nameNode.error("'\(name)' is declared twice") }
    let kinds: [(String, ExtraField.Kind)] = [
      ("number", .number), ("integer", .integer), ("flag", .flag), ("text", .text),
    ]
    let kind = try entry.required("type").word(kinds, kind: "type")
    return Field(name: name, kind: kind, isRequired: try entry["required"]?.boolean ?? false)
  }

  private static func coordinates(_ node: DefinitionNode?, _ fields: [Field]) throws(DefinitionError) -> Coordinates? {
    guard let keys = try node?.mapping(known: ["latitude", "longitude"]) else { return nil }
    let numbers = fields.filter { $0.kind == .number }.map(\.name)
    func place(_ key: String) throws(DefinitionError) -> Int {
      let node = try keys.required(key)
      let name = try node.text
      guard numbers.contains(name), let index = fields.firstIndex(where: { $0.name == name }) else {
        throw node.error("there is no number field '\(name)'", suggestion: Suggestion.sentence(for: name, among: numbers))
      }
      return index
    }
    return Coordinates(latitude: try place("latitude"), longitude: try place("longitude"))
  }

  private static func currencies(_ node: DefinitionNode?) throws(DefinitionError) -> [Currency]? {
    guard let node else { return nil }
    var currencies: [Currency] = []
    for element in try node.list(countMax: 1000) {
      guard let currency = Currency(try element.text) else {
        throw element.error("'\(try element.text)' is not an active ISO 4217 currency")
      }
      currencies.append(currency)
    }
    guard !currencies.isEmpty else { throw node.error("allows no currency at all") }
    return currencies
  }
}

extension DefinitionNode {
  /// A name that is stable in files, rules and metrics: `[a-z][a-z0-9_]*`, at most 64 bytes.
  func identifier() throws(DefinitionError) -> String {
    let name = try text(lengthMax: 64)
    let isValid = name.utf8.enumerated().allSatisfy { at, byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): at > 0
      default: false
      }
    }
    guard isValid else {
      throw error("'\(name)' is not a name", suggestion: "Use lower-case letters, digits and '_', a letter first.")
    }
    return name
  }
}
