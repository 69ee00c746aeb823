/// Asks for a sign of life; a link answers it by itself, before its owner sees anything.
public struct Ping: ClusterMessage {
  public static var kind: FrameKind { .ping }
  /// Whatever the sender wants to see again.
  public var token: UInt64
  public init(token: UInt64) { self.token = token }
  public func write(to out: inout WireWriter) { out.write(token) }
  public init(from reader: inout WireReader) throws(WireError) { token = try reader.read(UInt64.self) }
}

/// Answers a `Ping` with its token.
public struct Pong: ClusterMessage {
  public static var kind: FrameKind { .pong }
  public var token: UInt64
  public init(token: UInt64) { self.token = token }
  public func write(to out: inout WireWriter) { out.write(token) }
  public init(from reader: inout WireReader) throws(WireError) { token = try reader.read(UInt64.self) }
}
