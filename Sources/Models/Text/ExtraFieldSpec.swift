import Wire

/// A field that the schema declares beyond the fixed ones, as the text parsers need it. Its index in the list of
/// specifications is its index in the record.
public struct ExtraFieldSpec: Hashable, Sendable {
  public static let countMax = 255

  public var name: String
  public var kind: ExtraField.Kind
  public var isRequired: Bool

  public init(name: String, kind: ExtraField.Kind, isRequired: Bool = false) {
    self.name = name
    self.kind = kind
    self.isRequired = isRequired
  }
}
