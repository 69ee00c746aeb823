import COpenSSL

/// SHA-256 (FIPS 180-4) by the system's libcrypto: 32 bytes.
public func sha256(_ bytes: [UInt8]) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: 32)
  let done = bytes.withUnsafeBytes { assay_sha256($0.baseAddress, $0.count, &digest) }
  precondition(done == 1, "libcrypto refuses SHA-256")
  return digest
}

extension BundleID {
  /// The id of the bundle whose archive has these bytes.
  public init(contents: [UInt8]) {
    let digest = sha256(contents)
    let words = digest.withUnsafeBytes {
      ($0.loadUnaligned(fromByteOffset: 0, as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
    self.init(high: UInt64(bigEndian: words.0), low: UInt64(bigEndian: words.1))
  }
}
