/// A value with one binary form, the same on the wire and in the coordinator's store.
///
/// A decoder checks every count against its bound and against what is left before it allocates, and refuses values that
/// the type's rules forbid, so that a decoded value needs no second look.
public protocol WireValue: Equatable, Sendable {
  func write(to out: inout WireWriter)
  init(from reader: inout WireReader) throws(WireError)
}

extension WireValue {
  /// Reads a value that must fill `bytes` to the last byte.
  public init(reading bytes: RawSpan) throws(WireError) {
    var reader = WireReader(bytes)
    let value = try Self(from: &reader)
    try reader.finish()
    self = value
  }

  /// The value's bytes, for the store and for tests; a link writes into its own buffer instead.
  public var encoded: [UInt8] {
    var out = WireWriter()
    write(to: &out)
    return out.bytes
  }
}

/// A frame's payload in the coordinator's protocol: one message, one kind.
public protocol ClusterMessage: WireValue {
  static var kind: FrameKind { get }
}

/// Bounds of everything in a cluster map. Together they keep the largest map under a frame's 16 MiB.
public enum ClusterLimit {
  public static let nodes = 1024
  public static let partitions = 16_384
  public static let replicas = 7
  /// UTF-8 bytes of a node's name or zone.
  public static let nameLength = 63
  /// UTF-8 bytes of `host:port`.
  public static let addressLength = 261
  /// UTF-8 bytes of a text meant for people.
  public static let textLength = 1024
  /// Bytes of one policy bundle: a frame less the message's fixed fields.
  public static let bundleSize = FrameHeader.payloadMax - 64
}
