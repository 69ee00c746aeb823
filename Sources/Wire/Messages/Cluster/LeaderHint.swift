/// Who leads, as a coordinator that does not lead knows it. Sent before the `notLeader` failure that ends the connection.
/// Only a hint: whoever follows it finds a coordinator that proves itself, or refuses in its turn.
public struct LeaderHint: ClusterMessage {
  public static var kind: FrameKind { .leaderHint }

  /// `host:port` of the leader's listener.
  public var address: String

  public init(address: String) {
    precondition(Self.isAddress(address), "an address has 1 to \(ClusterLimit.addressLength) bytes")
    self.address = address
  }

  public static func isAddress(_ text: String) -> Bool { (1...ClusterLimit.addressLength).contains(text.utf8.count) }

  public func write(to out: inout WireWriter) { out.write(address) }

  public init(from reader: inout WireReader) throws(WireError) {
    address = try reader.readString()
    guard Self.isAddress(address) else { throw WireError.invalid(at: 0, "an address has 1 to \(ClusterLimit.addressLength) bytes") }
  }
}
