import Testing

@testable import Wire

@Suite struct FrameChecksumTests {
  /// One bit at a time, from the polynomial alone (RFC 3720, appendix B.4).
  private func slow(_ bytes: ArraySlice<UInt8>, seed: UInt32 = 0) -> UInt32 {
    var crc = ~seed
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0x82F6_3B78 : crc >> 1 }
    }
    return ~crc
  }

  @Test func `the checksum is CRC-32C at every length and alignment`() {
    #expect(crc32c(Array("123456789".utf8).span.bytes) == 0xE306_9283)
    let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    bytes.withUnsafeBytes { raw in
      // Around the lengths at which the kernel goes from one stream to three, and from short to long ones.
      for length in [0, 1, 7, 8, 9, 255, 256, 767, 768, 769, 1535, 1536, 6143, 6144, 6145, 7000, 12_288, 19_990] {
        for start in [0, 1, 5] {
          let part = UnsafeRawBufferPointer(rebasing: raw[start..<start + length])
          #expect(crc32c(part) == slow(bytes[start..<start + length]), "\(length) bytes from \(start)")
        }
      }
      let first = crc32c(UnsafeRawBufferPointer(rebasing: raw[0..<7001]))
      #expect(crc32c(UnsafeRawBufferPointer(rebasing: raw[7001...]), seed: first) == crc32c(raw))
    }
  }
}
