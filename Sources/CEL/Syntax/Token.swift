/// A piece of an expression's text.
struct Token: Equatable {
  enum Kind: Equatable {
    case end
    case identifier(String)
    /// In backticks: a field's name that is no identifier.
    case quotedIdentifier(String)
    /// The digits' value; a minus sign before it belongs to the parser, which alone knows whether it is an operator.
    case integer(UInt64)
    case unsigned(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    case `true`, `false`, null, `in`
    /// An operator or a delimiter.
    case mark(String)
  }

  var kind: Kind
  var offset: Int

  /// As a message names it.
  var described: String {
    switch kind {
    case .end: "the end of the expression"
    case .identifier(let name): "'\(name)'"
    case .quotedIdentifier(let name): "'`\(name)`'"
    case .integer, .unsigned, .double: "a number"
    case .string: "a string"
    case .bytes: "a bytes literal"
    case .true: "'true'"
    case .false: "'false'"
    case .null: "'null'"
    case .in: "'in'"
    case .mark(let mark): "'\(mark)'"
    }
  }

  /// Words kept for languages that embed CEL: no names of variables or global functions, but of fields and methods.
  static let reserved: Set<String> = [
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace",
    "return", "var", "void", "while",
  ]
}
