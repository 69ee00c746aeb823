/// The 32 bytes before every payload. The header proves itself: nothing in it is believed, and nothing is allocated
/// for it, before its own checksum holds.
///
/// ```
///  0 u32 magic "ASSY"   4 u8 protocol version   5 u8 flags   6 u16 kind   8 u32 payload length   12 u32 CRC-32C of the payload
/// 16 u64 correlation id 24 u32 reserved (0)    28 u32 CRC-32C of bytes 0..<28
/// ```
public struct FrameHeader: Equatable, Sendable {
  public static var size: Int { 32 }
  public static var magic: UInt32 { 0x5953_5341 }
  /// Versions that this build speaks. A hello negotiates the highest one both sides have.
  public static var versions: ClosedRange<UInt8> { 1...1 }
  /// Bounds of a payload, compressed or not: small until the hello has been accepted.
  public static var payloadMaxBeforeHello: Int { 64 * 1024 }
  public static var payloadMax: Int { 16 * 1024 * 1024 }

  public struct Flags: OptionSet, Sendable {
    public let rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// The payload is a u32 raw size and one LZ4 block.
    public static var compressed: Flags { Flags(rawValue: 1) }
    static var known: Flags { .compressed }
  }

  public var version: UInt8
  public var flags: Flags
  public var kind: FrameKind
  public var payloadLength: Int
  public var payloadChecksum: UInt32
  /// Chosen by the requester, repeated in the answer. 0 where no answer is expected.
  public var correlation: UInt64

  public init(
    version: UInt8 = versions.upperBound, flags: Flags = [], kind: FrameKind, payloadLength: Int,
    payloadChecksum: UInt32, correlation: UInt64
  ) {
    self.version = version
    self.flags = flags
    self.kind = kind
    self.payloadLength = payloadLength
    self.payloadChecksum = payloadChecksum
    self.correlation = correlation
  }

  public func write(to out: UnsafeMutableRawBufferPointer) {
    precondition(out.count >= Self.size)
    out.storeBytes(of: Self.magic.littleEndian, toByteOffset: 0, as: UInt32.self)
    out.storeBytes(of: version, toByteOffset: 4, as: UInt8.self)
    out.storeBytes(of: flags.rawValue, toByteOffset: 5, as: UInt8.self)
    out.storeBytes(of: kind.rawValue.littleEndian, toByteOffset: 6, as: UInt16.self)
    out.storeBytes(of: UInt32(payloadLength).littleEndian, toByteOffset: 8, as: UInt32.self)
    out.storeBytes(of: payloadChecksum.littleEndian, toByteOffset: 12, as: UInt32.self)
    out.storeBytes(of: correlation.littleEndian, toByteOffset: 16, as: UInt64.self)
    out.storeBytes(of: 0 as UInt32, toByteOffset: 24, as: UInt32.self)
    let checksum = crc32c(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(out)[0..<28]))
    out.storeBytes(of: checksum.littleEndian, toByteOffset: 28, as: UInt32.self)
  }

  /// Reads a header from the first 32 bytes of `bytes`; `payloadLimit` is the connection's present bound.
  public init(reading bytes: UnsafeRawBufferPointer, payloadLimit: Int) throws(FrameError) {
    precondition(bytes.count >= Self.size)
    func load<T: FixedWidthInteger>(_ at: Int, _: T.Type) -> T {
      T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
    }
    guard load(0, UInt32.self) == Self.magic else { throw FrameError.foreign(FrameError.guess(bytes)) }
    guard load(28, UInt32.self) == crc32c(UnsafeRawBufferPointer(rebasing: bytes[0..<28])) else {
      throw FrameError.headerChecksum
    }
    version = bytes[4]
    guard Self.versions.contains(version) else { throw FrameError.version(version) }
    flags = Flags(rawValue: bytes[5])
    guard Flags.known.isSuperset(of: flags), load(24, UInt32.self) == 0 else { throw FrameError.unknownFlags(bytes[5]) }
    let code = load(6, UInt16.self)
    guard let kind = FrameKind(rawValue: code) else { throw FrameError.unknownKind(code) }
    self.kind = kind
    payloadLength = Int(load(8, UInt32.self))
    guard payloadLength <= payloadLimit else { throw FrameError.tooLarge(payloadLength, limit: payloadLimit) }
    payloadChecksum = load(12, UInt32.self)
    correlation = load(16, UInt64.self)
  }
}

/// Why a connection's bytes are not frames. All of them end the connection; none is worth a retry of the same bytes.
public enum FrameError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Foreign: String, Sendable {
    case tls = "a TLS record: one side speaks TLS and the other does not; give both certificates"
    case http = "an HTTP request: this is not the HTTP port"
    case unknown = "bytes of another protocol"
  }

  case foreign(Foreign)
  case headerChecksum
  case payloadChecksum
  case version(UInt8)
  case unknownFlags(UInt8)
  case unknownKind(UInt16)
  case tooLarge(Int, limit: Int)
  case compression(String)

  static func guess(_ bytes: UnsafeRawBufferPointer) -> Foreign {
    // A handshake record, or the alert by which a TLS port refuses a plain peer (RFC 8446, 5.1).
    if bytes[0] == 0x16 || bytes[0] == 0x15, bytes[1] == 0x03 { return .tls }
    let verbs = ["GET ", "POST", "PUT ", "HEAD", "OPTI", "DELE"]
    return verbs.contains(String(decoding: bytes[0..<4], as: UTF8.self)) ? .http : .unknown
  }

  public var description: String {
    switch self {
    case .foreign(let guess): guess == .unknown ? "the connection carries \(guess.rawValue)" : "the connection began with \(guess.rawValue)"
    case .headerChecksum: "a frame header's checksum does not hold: the stream is damaged"
    case .payloadChecksum: "a frame payload's checksum does not hold: the stream is damaged"
    case .version(let v):
      "protocol version \(v) is not spoken here; this build speaks \(FrameHeader.versions.lowerBound) to \(FrameHeader.versions.upperBound)"
    case .unknownFlags(let f): "a frame has unknown flags 0x\(String(f, radix: 16))"
    case .unknownKind(let k): "a frame is of unknown kind \(k)"
    case .tooLarge(let n, let limit): "a frame announces \(n) bytes; at most \(limit) are taken here"
    case .compression(let what): "a compressed frame can't be unpacked: \(what)"
    }
  }
}
