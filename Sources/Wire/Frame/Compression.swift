import CLZ4

/// LZ4 blocks (lz4 block format) behind a 32-bit raw size. Worth it for large, cold payloads: bundles, maps, snapshots.
public enum Compression {
  /// Appends `u32 raw size, one LZ4 block` of `raw` to `out`. `raw` has at most 1 GiB.
  public static func compress(_ raw: UnsafeRawBufferPointer, appendingTo out: inout [UInt8]) {
    precondition(raw.count <= 1 << 30, "a block has at most 1 GiB")
    let bound = Int(LZ4_compressBound(CInt(raw.count)))
    let start = out.count
    withUnsafeBytes(of: UInt32(raw.count).littleEndian) { out.append(contentsOf: $0) }
    out.append(contentsOf: repeatElement(0, count: bound))
    let written = out.withUnsafeMutableBytes { out in
      LZ4_compress_default(
        raw.baseAddress?.assumingMemoryBound(to: CChar.self),
        (out.baseAddress! + start + 4).assumingMemoryBound(to: CChar.self), CInt(raw.count), CInt(bound))
    }
    // A block of LZ4_compressBound bytes always fits.
    precondition(written > 0)
    out.removeLast(bound - Int(written))
  }

  /// Unpacks `u32 raw size, one LZ4 block` into `out`, replacing its contents; the size is checked against `limit`
  /// before anything is allocated.
  public static func decompress(_ packed: RawSpan, into out: inout [UInt8], limit: Int) throws(FrameError) {
    guard packed.byteCount >= 4 else { throw FrameError.compression("it has no size") }
    let size = Int(UInt32(littleEndian: packed.unsafeLoadUnaligned(as: UInt32.self)))
    guard size <= limit else { throw FrameError.tooLarge(size, limit: limit) }
    let block = packed.extracting(4..<packed.byteCount)
    // One byte of a block makes at most 255 bytes, so a small frame can't make us touch a large buffer.
    guard size <= block.byteCount * 255 else { throw FrameError.compression("its size is beyond what its block can hold") }
    if out.count > size {
      out.removeLast(out.count - size)
    } else {
      out.append(contentsOf: repeatElement(0, count: size - out.count))
    }
    let written = block.withUnsafeBytes { block in
      out.withUnsafeMutableBytes { out in
        var nothing: UInt8 = 0
        return withUnsafeMutableBytes(of: &nothing) { nothing in
          LZ4_decompress_safe(
            block.baseAddress?.assumingMemoryBound(to: CChar.self),
            (out.baseAddress ?? nothing.baseAddress!).assumingMemoryBound(to: CChar.self), CInt(block.count), CInt(size))
        }
      }
    }
    guard Int(written) == size else { throw FrameError.compression("its block is damaged") }
  }
}
