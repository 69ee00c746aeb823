import Yams

/// One value of a definition file with its place, read strictly: unknown keys and other types are errors.
///
/// Scalars are read as they stand in the file, without YAML's own guesses (`NO` is Norway, not a boolean).
package struct DefinitionNode {
  /// A definition is written by people; a longer text is a mistake or an attack.
  static let textSizeMax = 1 << 20

  let node: Node
  let file: String
  /// Where in the document, for messages: `features[3].window`.
  let path: String
  /// Where unknown keys go, so that the reading goes on; without it they are thrown.
  var findings: Findings?

  /// The document's root.
  package static func parse(yaml: String, file: String, findings: Findings? = nil) throws(DefinitionError) -> DefinitionNode {
    guard yaml.utf8.count <= textSizeMax else {
      throw DefinitionError(file: file, message: "the file has more than \(textSizeMax) bytes")
    }
    let root: Node?
    do {
      root = try Yams.compose(yaml: yaml)
    } catch {
      throw syntaxError(error, file: file)
    }
    guard let root else { throw DefinitionError(file: file, message: "the file is empty") }
    return DefinitionNode(node: root, file: file, path: "", findings: findings)
  }

  package func error(_ message: String, suggestion: String? = nil) -> DefinitionError {
    let place = path.isEmpty ? "" : "\(path): "
    return DefinitionError(
      file: file, line: node.mark?.line, column: node.mark?.column, message: place + message, suggestion: suggestion)
  }

  package var text: String {
    get throws(DefinitionError) {
      guard let scalar = node.scalar else { throw error("expected text, found a \(kind)") }
      return scalar.string
    }
  }

  /// Text that isn't empty and has at most `lengthMax` bytes.
  package func text(lengthMax: Int) throws(DefinitionError) -> String {
    let value = try text
    guard !value.isEmpty else { throw error("must not be empty") }
    guard value.utf8.count <= lengthMax else { throw error("has more than \(lengthMax) bytes") }
    return value
  }

  package var boolean: Bool {
    get throws(DefinitionError) {
      switch try text {
      case "true": return true
      case "false": return false
      default: throw error("expected true or false, found '\(try text)'")
      }
    }
  }

  package func integer(in range: ClosedRange<Int64>) throws(DefinitionError) -> Int64 {
    let digits = try text.filter { $0 != "_" }
    guard let value = Int64(digits) else { throw error("expected a whole number, found '\(try text)'") }
    guard range.contains(value) else {
      throw error("\(value) is outside \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// Milliseconds of a text such as `5m`; `isFine` takes `250ms`, too.
  package func duration(in range: ClosedRange<Int64>, isFine: Bool = false) throws(DefinitionError) -> Int64 {
    guard let value = DurationText.milliseconds(try text, isFine: isFine) else {
      throw error(
        "'\(try text)' is not a duration",
        suggestion: "Write a whole number and one of the units \(isFine ? "ms, " : "")s, m, h, d, such as 30s, 5m, 24h or 90d.")
    }
    guard range.contains(value) else {
      let bounds =
        "\(DurationText.text(milliseconds: range.lowerBound)) to \(DurationText.text(milliseconds: range.upperBound))"
      throw error("\(try text) is outside \(bounds)")
    }
    return value
  }

  /// A word of a fixed list.
  package func word<Value>(_ table: [(String, Value)], kind: String) throws(DefinitionError) -> Value {
    let word = try text
    for (name, value) in table where name == word { return value }
    throw error("'\(word)' is not a known \(kind)", suggestion: Suggestion.sentence(for: word, among: table.map(\.0)))
  }

  /// The elements of a list; a single value counts as a list of one.
  package func list(countMax: Int) throws(DefinitionError) -> [DefinitionNode] {
    guard let sequence = node.sequence else {
      guard node.mapping == nil else { throw error("expected a list, found a \(kind)") }
      return [self]
    }
    guard sequence.count <= countMax else {
      throw error("has \(sequence.count) elements; at most \(countMax) are allowed")
    }
    return sequence.enumerated().map { DefinitionNode(node: $1, file: file, path: "\(path)[\($0)]", findings: findings) }
  }

  /// The entries of a mapping whose keys are all in `known`.
  package func mapping(known: [String]) throws(DefinitionError) -> DefinitionMapping {
    guard let mapping = node.mapping else { throw error("expected a mapping, found a \(kind)") }
    var entries: [String: DefinitionNode] = [:]
    for (key, value) in mapping {
      let keyNode = DefinitionNode(node: key, file: file, path: path)
      let name = try keyNode.text
      guard known.contains(name) else {
        let error = keyNode.error("unknown key '\(name)'", suggestion: Suggestion.sentence(for: name, among: known))
        guard let findings else { throw error }
        findings.add(error)
        continue
      }
      entries[name] = DefinitionNode(
        node: value, file: file, path: path.isEmpty ? name : "\(path).\(name)", findings: findings)
    }
    return DefinitionMapping(whole: self, entries: entries)
  }

  private var kind: String {
    if node.mapping != nil { return "mapping" }
    return node.sequence != nil ? "list" : "value"
  }

  private static func syntaxError(_ error: any Error, file: String) -> DefinitionError {
    func place(_ mark: Mark, _ problem: String) -> DefinitionError {
      DefinitionError(file: file, line: mark.line, column: mark.column, message: "not valid YAML: \(problem)")
    }
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return place(mark, problem)
    case .duplicatedKeysInMapping(let duplicates, let context):
      let keys = duplicates.sorted().map { "'\($0)'" }.joined(separator: ", ")
      return place(context.mark, "the key \(keys) stands twice in one mapping")
    case .reader(let problem, _, _, _): return DefinitionError(file: file, message: "not valid YAML: \(problem)")
    default: return DefinitionError(file: file, message: "not valid YAML: \(error)")
    }
  }
}

/// A mapping's entries after its keys were checked.
package struct DefinitionMapping {
  let whole: DefinitionNode
  let entries: [String: DefinitionNode]

  package subscript(key: String) -> DefinitionNode? { entries[key] }

  package func required(_ key: String) throws(DefinitionError) -> DefinitionNode {
    guard let node = entries[key] else { throw whole.error("the key '\(key)' is missing") }
    return node
  }

  /// Every definition file states its format, so that a later version can change it.
  package func requireVersion(_ version: Int64) throws(DefinitionError) {
    let node = try required("version")
    guard try node.integer(in: 0...1_000_000) == version else {
      throw node.error("this program reads version \(version) of the format")
    }
  }
}
