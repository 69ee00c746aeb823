/// A warning of keys or columns that no field has: a misspelt one loses its field without an error.
enum UnknownKeysText {
  static func warning(_ names: [String]) -> String {
    let several = names.count > 1
    return "\(names.map(quoted).joined(separator: ", ")) \(several ? "are" : "is") passed over: no field has "
      + "\(several ? "these names" : "that name"). A mapping (--mapping) or the bundle's schema (--schema) can name \(several ? "them" : "it")"
  }

  /// "" stands for names that are not repeated, for they may be data.
  static func quoted(_ name: String) -> String { name.isEmpty ? "other keys" : "'\(name)'" }
}
