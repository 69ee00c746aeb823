import Wire

extension Schema {
  /// Reads a schema; see `Schema` for the format. `file` is the name that errors carry.
  public static func parse(yaml: String, file: String = "schema.yaml") throws(DefinitionError) -> Schema {
    let root = try DefinitionNode.parse(yaml: yaml, file: file)
    let top = try root.mapping(known: ["version", "fields", "limits", "currencies"])
    try top.requireVersion(1)

    var fields: [Field] = []
    if let list = top["fields"] {
      for node in try list.list(countMax: fieldCountMax) { fields.append(try field(node, after: fields)) }
    }
    let limits = try top["limits"]?.mapping(known: ["future_tolerance", "oldest_event_age"])
    let day: Int64 = 86_400_000
    let tolerance = try limits?["future_tolerance"]?.duration(in: 0...day) ?? 300_000
    let oldest = try limits?["oldest_event_age"]?.duration(in: 60_000...36_500 * day)
    return Schema(
      fields: fields, futureTolerance: tolerance, oldestEventAge: oldest, currencies: try currencies(top["currencies"]))
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
