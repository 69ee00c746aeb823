/// Cuts a stream of bytes into frames. Whole frames are handed out where they lie, without a copy; only the beginning of
/// a frame whose rest has not come yet is kept. Holds at most one frame of the present limit.
public struct FrameDecoder: ~Copyable {
  /// What the owner wants after a frame.
  public enum Next: Equatable, Sendable {
    case frame
    /// The hello is through: payloads up to this size are taken from here on.
    case framesUpTo(payload: Int)
    /// Nothing more of this stream.
    case stop
  }

  /// A buffer larger than this is given back once it is empty, so that one large frame does not stay in memory.
  private static var keptMax: Int { 1024 * 1024 }

  public private(set) var payloadLimit: Int
  /// The beginning of an unfinished frame, and its header once that has come.
  private var kept: [UInt8] = []
  private var keptHeader: FrameHeader?
  private var isStopped = false

  public init(payloadLimit: Int = FrameHeader.payloadMaxBeforeHello) { self.payloadLimit = payloadLimit }

  /// Bytes kept of an unfinished frame.
  public var pending: Int { kept.count }

  /// Takes the next bytes of the stream and calls `each` for every frame that is whole now. A compressed payload is
  /// handed out unpacked; `header.payloadLength` stays its length on the wire. After an error, or after `.stop`, all
  /// further bytes are ignored: a damaged stream has no next frame.
  public mutating func take(
    _ bytes: UnsafeRawBufferPointer, each: (FrameHeader, RawSpan) -> Next
  ) throws(FrameError) {
    guard !isStopped else { return }
    do throws(FrameError) {
      var at = 0
      if !kept.isEmpty { at = try completeKept(bytes, each) }
      while !isStopped, at < bytes.count {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[at...])
        let header = try Self.header(rest, payloadLimit)
        guard let header, rest.count >= FrameHeader.size + header.payloadLength else {
          kept.append(contentsOf: rest)
          keptHeader = header
          return
        }
        try deliver(header, rest, each)
        at += FrameHeader.size + header.payloadLength
      }
    } catch {
      isStopped = true
      release()
      throw error
    }
    if isStopped { release() }
  }

  /// Fills up the kept frame with no more than it lacks, and delivers it once it is whole. How many bytes that took.
  private mutating func completeKept(
    _ bytes: UnsafeRawBufferPointer, _ each: (FrameHeader, RawSpan) -> Next
  ) throws(FrameError) -> Int {
    var at = 0
    while true {
      let whole = FrameHeader.size + (keptHeader?.payloadLength ?? 0)
      let count = min(whole - kept.count, bytes.count - at)
      kept.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[at..<at + count]))
      at += count
      if let header = keptHeader {
        guard kept.count == whole else { return at }
        var frame: [UInt8] = []
        swap(&frame, &kept)
        keptHeader = nil
        let result = frame.withUnsafeBytes { frame in
          Result { () throws(FrameError) in try deliver(header, frame, each) }
        }
        try result.get()
        if frame.capacity <= Self.keptMax {
          frame.removeAll(keepingCapacity: true)
          kept = frame
        }
        return at
      }
      let limit = payloadLimit
      keptHeader = try kept.withUnsafeBytes { kept in Result { () throws(FrameError) in try Self.header(kept, limit) } }
        .get()
      guard keptHeader != nil else { return at }
    }
  }

  /// The header at the front of `bytes`, nil if it is not whole yet. Bytes of another protocol are told by their first
  /// four, for who speaks TLS or HTTP by mistake may never send 32.
  private static func header(_ bytes: UnsafeRawBufferPointer, _ payloadLimit: Int) throws(FrameError) -> FrameHeader? {
    if bytes.count >= FrameHeader.size { return try FrameHeader(reading: bytes, payloadLimit: payloadLimit) }
    if bytes.count >= 4, UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)) != FrameHeader.magic {
      throw FrameError.foreign(FrameError.guess(bytes))
    }
    return nil
  }

  private mutating func deliver(
    _ header: FrameHeader, _ frame: UnsafeRawBufferPointer, _ each: (FrameHeader, RawSpan) -> Next
  ) throws(FrameError) {
    let payload = UnsafeRawBufferPointer(rebasing: frame[FrameHeader.size..<FrameHeader.size + header.payloadLength])
    guard crc32c(payload) == header.payloadChecksum else { throw FrameError.payloadChecksum }
    let next: Next
    if header.flags.contains(.compressed) {
      let unpacked = try Compression.decompress(payload.bytes, limit: payloadLimit)
      next = each(header, unpacked.span.bytes)
    } else {
      next = each(header, payload.bytes)
    }
    switch next {
    case .frame: break
    case .framesUpTo(let payload): payloadLimit = payload
    case .stop: isStopped = true
    }
  }

  private mutating func release() {
    kept = []
    keptHeader = nil
  }
}
