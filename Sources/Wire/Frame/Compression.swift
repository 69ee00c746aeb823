import CLZ4

/// LZ4 blocks (lz4 block format) behind a 32-bit raw size. Worth it for large, cold payloads: bundles, maps, snapshots.
public enum Compression {
  /// `u32 raw size, one LZ4 block` of `raw`, which has at most 1 GiB.
  public static func compress(_ raw: UnsafeRawBufferPointer) -> [UInt8] {
    precondition(raw.count <= 1 << 30, "a block has at most 1 GiB")
    let bound = Int(LZ4_compressBound(CInt(raw.count)))
    return [UInt8](unsafeUninitializedCapacity: 4 + bound) { out, count in
      let bytes = UnsafeMutableRawBufferPointer(out)
      bytes.storeBytes(of: UInt32(raw.count).littleEndian, as: UInt32.self)
      let written = LZ4_compress_default(
        raw.baseAddress?.assumingMemoryBound(to: CChar.self),
        (bytes.baseAddress! + 4).assumingMemoryBound(to: CChar.self), CInt(raw.count), CInt(bound))
      // A block of LZ4_compressBound bytes always fits.
      precondition(written > 0)
      count = 4 + Int(written)
    }
  }

  /// Unpacks `u32 raw size, one LZ4 block`; the size is checked against `limit` before anything is allocated.
  public static func decompress(_ packed: RawSpan, limit: Int) throws(FrameError) -> [UInt8] {
    guard packed.byteCount >= 4 else { throw FrameError.compression("it has no size") }
    let size = Int(UInt32(littleEndian: packed.unsafeLoadUnaligned(as: UInt32.self)))
    guard size <= limit else { throw FrameError.tooLarge(size, limit: limit) }
    let block = packed.extracting(4..<packed.byteCount)
    // One byte of a block makes at most 255 bytes, so a small frame can't make us allocate a large buffer.
    guard size <= block.byteCount * 255 else {
      throw FrameError.compression("its size is beyond what its block can hold")
    }
    let raw = block.withUnsafeBytes { block in
      // One byte more than needed, so that there is an address even for an empty payload.
      [UInt8](unsafeUninitializedCapacity: size + 1) { out, count in
        let written = LZ4_decompress_safe(
          block.baseAddress?.assumingMemoryBound(to: CChar.self),
          UnsafeMutableRawPointer(out.baseAddress!).assumingMemoryBound(to: CChar.self), CInt(block.count), CInt(size))
        count = max(0, Int(written))
      }
    }
    guard raw.count == size, !block.isEmpty else { throw FrameError.compression("its block is damaged") }
    return raw
  }
}
