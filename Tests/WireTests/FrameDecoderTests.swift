import Testing

@testable import Wire

@Suite struct FrameDecoderTests {
  struct Frame: Equatable {
    var kind: FrameKind
    var correlation: UInt64
    var payload: [UInt8]
  }

  /// What a decoder makes of `pieces` of a stream.
  private func decode(
    _ pieces: [[UInt8]], limit: Int = FrameHeader.payloadMaxBeforeHello,
    next: (Int) -> FrameDecoder.Next = { _ in .frame }
  ) -> (frames: [Frame], error: FrameError?, pending: Int) {
    var decoder = FrameDecoder(payloadLimit: limit)
    var frames: [Frame] = []
    for piece in pieces {
      do throws(FrameError) {
        try piece.withUnsafeBytes { bytes in
          Result { () throws(FrameError) in
            try decoder.take(bytes) { header, payload in
              frames.append(
                Frame(
                  kind: header.kind, correlation: header.correlation, payload: payload.withUnsafeBytes { [UInt8]($0) }))
              return next(frames.count)
            }
          }
        }.get()
      } catch {
        return (frames, error, decoder.pending)
      }
    }
    return (frames, nil, decoder.pending)
  }

  private let frames = [
    Frame(kind: .ping, correlation: 1, payload: [1, 2, 3, 4, 5, 6, 7, 8]),
    Frame(kind: .submit, correlation: 2, payload: []),
    Frame(kind: .clusterMap, correlation: 3, payload: [UInt8](repeating: 9, count: 5000)),
    Frame(kind: .decisions, correlation: .max, payload: (0..<300).map { UInt8(truncatingIfNeeded: $0) }),
  ]

  private var stream: [UInt8] {
    var writer = WireWriter()
    for frame in frames {
      writer.writeFrame(frame.kind, correlation: frame.correlation, compressed: frame.kind == .clusterMap) {
        for byte in frame.payload { $0.write(byte) }
      }
    }
    return writer.bytes
  }

  @Test func `frames are the same however the stream is cut`() {
    let stream = stream
    #expect(stream.count < 5000, "the compressible frame went out packed")
    for size in [1, 2, 3, 7, 31, 32, 33, 40, 64, 100, stream.count] {
      let pieces = stride(from: 0, to: stream.count, by: size).map { Array(stream[$0..<min($0 + size, stream.count)]) }
      let result = decode(pieces)
      #expect(result.frames == frames, "pieces of \(size)")
      #expect(result.error == nil)
      #expect(result.pending == 0)
    }
  }

  @Test func `frames keep their golden bytes`() {
    var writer = WireWriter()
    writer.writeFrame(.ping, correlation: 0xFEDC_BA98_7654_3210) { Ping(token: 1).write(to: &$0) }
    Golden.check("frame", writer.bytes)
    // Only read: versions of the LZ4 library may pack the same payload differently.
    let packed = decode([Golden.read("frame-lz4")])
    var payload = WireWriter()
    payload.write(block: [UInt8](repeating: 7, count: 1000))
    #expect(packed.frames == [Frame(kind: .bundleContent, correlation: 2, payload: payload.bytes)])
  }

  @Test func `any damaged byte is noticed, and no later frame is taken`() {
    var writer = WireWriter()
    writer.writeFrame(.submit, correlation: 5) { $0.write(0x0102_0304 as UInt32) }
    let frame = writer.bytes
    for index in frame.indices {
      var damaged = frame
      damaged[index] ^= 0x10
      let result = decode([damaged + frame])
      #expect(result.frames.isEmpty, "byte \(index)")
      #expect(result.error != nil, "byte \(index)")
    }
  }

  @Test func `the limit is checked on the header alone and rises with the hello`() {
    var writer = WireWriter()
    writer.writeFrame(.hello, correlation: 0) { $0.write(raw: [UInt8](repeating: 0, count: 10).span.bytes) }
    writer.writeFrame(.submit, correlation: 0) { $0.write(raw: [UInt8](repeating: 1, count: 70_000).span.bytes) }
    let early = decode([writer.bytes])
    #expect(early.frames.count == 1)
    #expect(early.error == .tooLarge(70_000, limit: FrameHeader.payloadMaxBeforeHello))
    #expect(early.pending == 0)
    let later = decode([writer.bytes], next: { $0 == 1 ? .framesUpTo(payload: 100_000) : .frame })
    #expect(later.error == nil)
    #expect(later.frames.map(\.payload.count) == [10, 70_000])
  }

  @Test func `a packed payload's size is bounded before it is unpacked`() {
    func frame(size: UInt32, block: [UInt8]) -> [UInt8] {
      var payload = WireWriter()
      payload.write(size)
      payload.write(raw: block.span.bytes)
      let header = FrameHeader(
        flags: .compressed, kind: .clusterMap, payloadLength: payload.count,
        payloadChecksum: crc32c(payload.bytes.span.bytes), correlation: 0)
      var bytes = [UInt8](repeating: 0, count: FrameHeader.size)
      bytes.withUnsafeMutableBytes { header.write(to: $0) }
      return bytes + payload.bytes
    }
    #expect(
      decode([frame(size: 70_000, block: [UInt8](repeating: 0, count: 60_000))]).error
        == .tooLarge(70_000, limit: FrameHeader.payloadMaxBeforeHello))
    for damaged in [frame(size: 60_000, block: [0]), frame(size: 10, block: []), frame(size: 3, block: [0xFF, 0xFF])] {
      guard case .compression = decode([damaged]).error else {
        Issue.record("a damaged block was taken")
        continue
      }
    }
  }

  @Test func `other protocols are told by their first four bytes`() {
    #expect(decode([Array("GET".utf8), Array(" /".utf8)]).error == .foreign(.http))
    #expect(decode([[0x16, 0x03, 0x01, 0x02]]).error == .foreign(.tls))
    #expect(decode([[0x15, 0x03, 0x03, 0x00, 0x02]]).error == .foreign(.tls))
    #expect(decode([[0, 0, 0, 0]]).error == .foreign(.unknown))
    #expect(decode([Array("ASS".utf8)]).error == nil)
  }

  @Test func `nothing is taken after a stop`() {
    let result = decode([stream, stream], next: { $0 == 2 ? .stop : .frame })
    #expect(result.frames == Array(frames.prefix(2)))
    #expect(result.pending == 0)
  }
}
