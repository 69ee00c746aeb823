import CKernels

/// CRC-32C of `bytes`, continuing from `seed` (0 to begin). One checksum for frames, log records and snapshots.
@inlinable public func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
  guard let base = bytes.baseAddress else { return seed }
  return assay_crc32c(seed, base, bytes.count)
}

@inlinable public func crc32c(_ bytes: borrowing RawSpan, seed: UInt32 = 0) -> UInt32 {
  bytes.withUnsafeBytes { crc32c($0, seed: seed) }
}
