/// A file in MaxMind DB format 2.0, opened: search tree, data section and what the metadata say. Immutable; it keeps a copy of
/// the bytes, so that texts of records may be pointed at.
final class GeoFile: @unchecked Sendable {
  private static let marker = [0xAB, 0xCD, 0xEF] + Array("MaxMind.com".utf8)
  private static let metadataMax = 128 * 1024

  let tree: GeoTree
  let data: GeoData
  /// What its maker calls its kind, such as `GeoLite2-City`.
  let type: String
  /// When it was built, seconds since the Unix epoch.
  let buildEpoch: Int64
  let byteCount: Int
  private let memory: UnsafeMutableRawPointer

  init(_ bytes: [UInt8]) throws(GeoFault) {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 16)
    bytes.withUnsafeBytes { memory.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: $0.count) }
    let whole = UnsafeRawBufferPointer(start: memory, count: bytes.count)
    let opened: (tree: GeoTree, data: GeoData, type: String, epoch: Int64)
    do throws(GeoFault) {
      opened = try Self.open(whole)
    } catch {
      memory.deallocate()
      throw error
    }
    (tree, data, type, buildEpoch) = opened
    byteCount = bytes.count
    self.memory = memory
  }

  deinit { memory.deallocate() }

  private static func open(
    _ file: UnsafeRawBufferPointer
  ) throws(GeoFault) -> (tree: GeoTree, data: GeoData, type: String, epoch: Int64) {
    guard let (dataEnd, metadataStart) = metadata(in: file) else { throw GeoFault(.noMetadata) }
    let metadata = GeoData(bytes: UnsafeRawBufferPointer(rebasing: file[metadataStart...]))
    func integer(_ key: String) throws(GeoFault) -> Int64 {
      guard let field = try metadata.member(key, ofMapAt: 0), case .integer(let value)? = metadata.value(field) else {
        throw GeoFault(.metadata)
      }
      return value
    }
    guard try integer("binary_format_major_version") == 2 else { throw GeoFault(.format) }
    let version = try integer("ip_version")
    guard version == 4 || version == 6 else { throw GeoFault(.metadata) }
    let epoch = try integer("build_epoch")
    // To the end of the year 9999: beyond it, no date can be written.
    guard (0...253_402_300_799).contains(epoch) else { throw GeoFault(.metadata) }
    guard let field = try metadata.member("database_type", ofMapAt: 0), field.type == .text, field.size <= 256,
      let type = String(validating: metadata.text(field), as: UTF8.self)
    else { throw GeoFault(.metadata) }
    let (nodes, bits) = (try integer("node_count"), try integer("record_size"))
    let body = UnsafeRawBufferPointer(rebasing: file[..<dataEnd])
    guard nodes <= UInt32.max, bits <= 128, let tree = GeoTree(body, nodeCount: Int(nodes), recordBits: Int(bits), isV6: version == 6)
    else { throw GeoFault(.recordSize) }
    let start = tree.bytes.count + GeoTree.separatorSize
    guard body[tree.bytes.count..<start].allSatisfy({ $0 == 0 }) else { throw GeoFault(.recordSize) }
    return (tree, GeoData(bytes: UnsafeRawBufferPointer(rebasing: body[start...])), type, epoch)
  }

  /// Where the data end and where the metadata begin: around the last marker, which must be near the end.
  private static func metadata(in file: UnsafeRawBufferPointer) -> (dataEnd: Int, start: Int)? {
    var at = file.count - marker.count
    let lowest = max(0, file.count - metadataMax)
    while at >= lowest {
      if file[at] == marker[0], file[at..<at + marker.count].elementsEqual(marker) { return (at, at + marker.count) }
      at -= 1
    }
    return nil
  }
}
