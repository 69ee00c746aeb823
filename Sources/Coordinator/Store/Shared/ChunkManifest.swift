import Wire

/// What stands for a bundle in its page: its contents are megabytes, more than etcd takes at once, and lie in chunks
/// `bundle/ID/NNNN` that are written before the manifest, which makes them count.
///
/// ```
/// manifest   size u32, chunk size u32
/// ```
struct ChunkManifest: WireValue {
  static let chunkBytes = 512 << 10

  var size: Int
  var chunkSize = Self.chunkBytes

  var count: Int { (size + chunkSize - 1) / chunkSize }

  init(size: Int) { self.size = size }

  func range(of chunk: Int) -> Range<Int> { chunk * chunkSize..<min(size, (chunk + 1) * chunkSize) }

  /// `bundle/ID/0003`.
  static func name(of chunk: Int, of key: MetadataKey) -> String {
    let digits = String(chunk)
    return "\(key)/\(String(repeating: "0", count: 4 - digits.count))\(digits)"
  }

  func write(to out: inout WireWriter) {
    out.write(UInt32(size))
    out.write(UInt32(chunkSize))
  }

  init(from reader: inout WireReader) throws(WireError) {
    size = Int(try reader.read(UInt32.self))
    chunkSize = Int(try reader.read(UInt32.self))
    guard size <= ClusterLimit.bundleSize else { throw WireError.overLimit(at: 0, size, limit: ClusterLimit.bundleSize) }
    guard (1024...1 << 20).contains(chunkSize) else { throw WireError.invalid(at: 4, "a chunk has 1 KiB to 1 MiB") }
  }
}
