extension WireWriter {
  /// Appends one frame whose payload is what `write` appends. Frames can be put one behind the other; `write` must not
  /// take the writer's beginning for its own.
  ///
  /// With `compressed`, the payload goes out as LZ4 where that makes it smaller. Returns the payload's length before
  /// compression.
  @inlinable @discardableResult
  public mutating func writeFrame(
    _ kind: FrameKind, correlation: UInt64, version: UInt8 = FrameHeader.versions.upperBound, compressed: Bool = false,
    _ write: (inout WireWriter) -> Void
  ) -> Int {
    let start = beginFrame()
    write(&self)
    let length = count - start - FrameHeader.size
    finishFrame(at: start, kind, correlation, version, compressed)
    return length
  }

  @usableFromInline mutating func beginFrame() -> Int {
    let start = count
    bytes.append(contentsOf: repeatElement(0, count: FrameHeader.size))
    return start
  }

  @usableFromInline mutating func finishFrame(
    at start: Int, _ kind: FrameKind, _ correlation: UInt64, _ version: UInt8, _ compressed: Bool
  ) {
    let payloadStart = start + FrameHeader.size
    var flags: FrameHeader.Flags = []
    if compressed {
      let packed = bytes.withUnsafeBytes { Compression.compress(UnsafeRawBufferPointer(rebasing: $0[payloadStart...])) }
      if packed.count < count - payloadStart {
        bytes.removeLast(count - payloadStart)
        bytes.append(contentsOf: packed)
        flags = .compressed
      }
    }
    bytes.withUnsafeMutableBytes { bytes in
      let payload = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[payloadStart...])
      let header = FrameHeader(
        version: version, flags: flags, kind: kind, payloadLength: payload.count, payloadChecksum: crc32c(payload),
        correlation: correlation)
      header.write(to: UnsafeMutableRawBufferPointer(rebasing: bytes[start..<payloadStart]))
    }
  }
}
