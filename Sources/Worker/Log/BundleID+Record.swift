import Wire

extension BundleID {
  /// The bundle that a whole `bundleActivated` or `bundlePrepared` record names; nil where the record isn't of its length.
  init?(namedBy record: UnsafeRawBufferPointer) {
    guard record.count == LogRecord.headerSize + 16 else { return nil }
    self.init(
      high: UInt64(littleEndian: record.loadUnaligned(fromByteOffset: LogRecord.headerSize, as: UInt64.self)),
      low: UInt64(littleEndian: record.loadUnaligned(fromByteOffset: LogRecord.headerSize + 8, as: UInt64.self)))
  }
}
