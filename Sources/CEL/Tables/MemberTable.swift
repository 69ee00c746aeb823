/// A set that the embedder keeps and that expressions ask by `in`: `tx.ip in lists.blocked`. Immutable, shared by threads.
///
/// `time` is the moment for which it is asked, in ms since the Unix epoch: members may expire. What it answers depends on its
/// arguments alone (R14). It allocates nothing.
public protocol MemberTable: Sendable {
  /// What it holds: string, int or net.IP. The questions of other types are never asked.
  var element: ValueType { get }

  /// Valid UTF-8 that is there for the time of the call.
  func contains(_ text: UnsafeBufferPointer<UInt8>, at time: Int64) -> Bool
  func contains(_ number: Int64, at time: Int64) -> Bool
  /// The 128 bits of an address, IPv4 as `::ffff:a.b.c.d`.
  func contains(_ address: (high: UInt64, low: UInt64), at time: Int64) -> Bool
}

extension ValueType {
  /// The type of a table's name. Nothing but `in` takes it.
  static func table(of element: ValueType) -> ValueType { .abstract("table", [element]) }
}

extension IPAddress {
  /// As `MemberTable` asks for it.
  var sixteenBytes: (high: UInt64, low: UInt64) { isV4 ? (0, low | 0xFFFF << 32) : (high, low) }
}
