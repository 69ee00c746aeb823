/// The edit is in the store, durably. Each partition logs it within about a heartbeat; decisions from there on name a list version at or
/// above this one.
public struct ListEdited: ClusterMessage {
  public static var kind: FrameKind { .listEdited }

  public var version: UInt64

  public init(version: UInt64) { self.version = version }

  public func write(to out: inout WireWriter) { out.write(version) }

  public init(from reader: inout WireReader) throws(WireError) { version = try reader.read(UInt64.self) }
}
