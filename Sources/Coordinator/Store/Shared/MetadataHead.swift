import Wire

/// The one key that every transaction replaces: the store's revision, and who wrote it, so that a writer whose answer was
/// lost can see whether its transaction is the one that counts.
///
/// ```
/// head   format u16, revision u64, term u64, sequence u64
/// ```
struct MetadataHead: WireValue {
  static let format: UInt16 = 1

  var revision: UInt64
  /// The create revision of the leader key under which it was written: one for each leadership, ever.
  var term: UInt64
  /// Of the transaction in its term.
  var sequence: UInt64

  func write(to out: inout WireWriter) {
    out.write(Self.format)
    out.write(revision)
    out.write(term)
    out.write(sequence)
  }

  init(revision: UInt64, term: UInt64, sequence: UInt64) {
    self.revision = revision
    self.term = term
    self.sequence = sequence
  }

  init(from reader: inout WireReader) throws(WireError) {
    let format = try reader.read(UInt16.self)
    guard format == Self.format else { throw WireError.invalid(at: 0, "the store has format \(format), this program reads \(Self.format)") }
    revision = try reader.read(UInt64.self)
    term = try reader.read(UInt64.self)
    sequence = try reader.read(UInt64.self)
  }
}
