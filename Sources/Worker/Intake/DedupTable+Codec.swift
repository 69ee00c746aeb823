import Wire

extension DedupTable.Entry {
  /// Bytes in a snapshot:
  /// ```
  /// 0 u64 fingerprint high  8 u64 low  16 u64 content  24 u64 offset  32 decision (16 bytes)  48 i64 logged time  56 u32 bundle
  /// 60 u32 partition
  /// ```
  static var encodedSize: Int { 64 }

  func write(to out: inout [UInt8]) {
    withUnsafeTemporaryAllocation(byteCount: Self.encodedSize, alignment: 8) { bytes in
      for (index, word) in [high, low, content, offset].enumerated() {
        bytes.storeBytes(of: word.littleEndian, toByteOffset: 8 * index, as: UInt64.self)
      }
      decision.write(to: bytes.baseAddress! + 32)
      bytes.storeBytes(of: loggedTime.littleEndian, toByteOffset: 48, as: Int64.self)
      bytes.storeBytes(of: bundle.littleEndian, toByteOffset: 56, as: UInt32.self)
      bytes.storeBytes(of: partition.littleEndian, toByteOffset: 60, as: UInt32.self)
      out.append(contentsOf: bytes)
    }
  }

  /// Reads the entry at the front of `bytes`, which has at least `encodedSize`; nil for a decision that doesn't exist.
  init?(reading bytes: RawSpan) {
    func word(_ at: Int) -> UInt64 { UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self)) }
    guard let decision = Decision(reading: bytes.extracting(32..<48)) else { return nil }
    self.init(
      high: word(0), low: word(8), content: word(16), offset: word(24), decision: decision, loggedTime: Int64(bitPattern: word(48)),
      bundle: UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 56, as: UInt32.self)),
      partition: UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 60, as: UInt32.self)))
  }
}
