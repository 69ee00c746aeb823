/// The answer to a `Hello`: from here on, both sides speak `version` and may send large frames.
public struct HelloAccepted: ClusterMessage {
  public static var kind: FrameKind { .helloAccepted }

  public var version: UInt8
  public var identity: LinkIdentity
  /// The largest payload that the accepting side takes, in bytes; at most `FrameHeader.payloadMax`.
  public var payloadMax: Int

  public init(version: UInt8, identity: LinkIdentity, payloadMax: Int = FrameHeader.payloadMax) {
    precondition((FrameHeader.payloadMaxBeforeHello...FrameHeader.payloadMax).contains(payloadMax))
    self.version = version
    self.identity = identity
    self.payloadMax = payloadMax
  }

  public func write(to out: inout WireWriter) {
    out.write(version)
    out.write(UInt32(payloadMax))
    identity.write(to: &out)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    version = try reader.read(UInt8.self)
    payloadMax = Int(try reader.read(UInt32.self))
    guard (FrameHeader.payloadMaxBeforeHello...FrameHeader.payloadMax).contains(payloadMax) else {
      throw WireError.invalid(at: reader.position - 4, "a payload limit of \(payloadMax) bytes is out of bounds")
    }
    identity = try LinkIdentity(from: &reader)
  }
}
