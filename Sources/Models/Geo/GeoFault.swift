/// Why a MaxMind DB file can't be read, and where in its section.
struct GeoFault: Error, Equatable, CustomStringConvertible {
  enum Kind: UInt8, Sendable {
    case noMetadata, metadata, format, recordSize, truncated, fieldType, fieldSize, pointer, key, tooLarge, tree, text
  }

  let kind: Kind
  /// Bytes from the start of the section that is read: metadata, search tree or data.
  let at: Int

  init(_ kind: Kind, at: Int = 0) { (self.kind, self.at) = (kind, at) }

  var description: String {
    switch kind {
    case .noMetadata: "it has no metadata section: this is no MaxMind DB file, or its end is missing"
    case .metadata: "its metadata lacks a value that is needed, or has it as another type"
    case .format: "it has a binary format other than 2.x"
    case .recordSize: "its search tree has records of a size that is not 24, 28 or 32 bits, or is longer than the file"
    case .truncated: "a value at \(at) reaches beyond the end of its section"
    case .fieldType: "a value at \(at) has a type that can't stand there"
    case .fieldSize: "a number at \(at) has a size that its type can't have"
    case .pointer: "a pointer at \(at) points out of its section, or to another pointer"
    case .key: "a key at \(at) is no text"
    case .tooLarge: "the record at \(at) has more than \(GeoData.fieldsMax) values"
    case .tree: "node \(at) of the search tree points at no node and at no record"
    case .text: "the text at \(at) is not UTF-8"
    }
  }
}
