/// Why a definition file (schema.yaml, features.yaml) was refused: where, what, and what to do.
public struct DefinitionError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Name of the file as the person knows it.
  public var file: String
  /// Counted from 1; nil where the fault has no place (an empty file).
  public var line: Int?
  /// Counted from 1.
  public var column: Int?
  public var message: String
  /// What to write instead, as a whole sentence.
  public var suggestion: String?

  public init(file: String, line: Int? = nil, column: Int? = nil, message: String, suggestion: String? = nil) {
    self.file = file
    self.line = line
    self.column = column
    self.message = message
    self.suggestion = suggestion
  }

  /// `features.yaml:12:5: error text. Suggestion.`
  public var description: String {
    var place = file
    if let line { place += ":\(line)" }
    if line != nil, let column { place += ":\(column)" }
    guard let suggestion else { return "\(place): \(message)" }
    return "\(place): \(message). \(suggestion)"
  }
}
