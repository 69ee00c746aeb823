import Wire

/// The lists that a bundle declares, by name, without what they hold: enough to say whether a hot item can be one of theirs.
public struct DeclaredLists: Sendable {
  private var types: [String: ListType] = [:]

  /// Of a bundle that workers have loaded: what is wrong in it is left out.
  public init(_ archive: BundleArchive) {
    let findings = Findings()
    guard let bytes = archive.files[BundleDefinition.fileName], let text = String(validating: bytes, as: UTF8.self)
    else { return }
    let sources = findings.attempt { () throws(DefinitionError) in
      let root = try DefinitionNode.parse(yaml: text, file: BundleDefinition.fileName, findings: findings)
      var sources: [ListSource] = []
      for node in try root.mapping(known: ["lists"])["lists"]?.list(countMax: ListSource.countMax) ?? [] {
        sources.append(try ListSource(node))
      }
      return sources
    }
    for source in sources ?? [] { types[source.name] = source.type }
  }

  /// Why `item` can't be one of `list`; nil if it can.
  public func problem(of item: String, in list: String) -> String? {
    guard let type = types[list] else {
      let known = types.keys.sorted()
      return "the active bundle declares no list '\(list)'; "
        + (known.isEmpty ? "it has none" : Suggestion.sentence(for: list, among: known))
    }
    return type.problem(of: item)
  }
}

extension ListType {
  /// Why no list of this type can hold `item`; nil if one can.
  func problem(of item: String) -> String? {
    let bytes = Array(item.utf8)
    switch self {
    case .text, .prefix: return bytes.count <= ListFile.textLengthMax ? nil : "'\(item)' has \(bytes.count) bytes, of at most 255"
    case .number: return Int64(item) == nil ? "'\(item)' is no whole number" : nil
    case .ip:
      guard ListFile.network(bytes, expiry: Expiries.never) == nil else { return nil }
      return "'\(item)' is no address and no network: write 203.0.113.7, 203.0.113.0/24, 2001:db8::1 or 2001:db8::/32"
    }
  }
}
