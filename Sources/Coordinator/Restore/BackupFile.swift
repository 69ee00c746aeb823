import Wire

/// A copy of the coordinator's store at one revision, as a file.
///
/// ```
///  0 u32 magic "ABAK"   4 u16 format version (1)   cluster id, cluster name, revision u64, taken at i64 (ms since the Unix epoch)
///  count u32, then for each key, ascending: key (u16 length), revision u64, value (u32 length)
///  at the end 32 bytes: SHA-256 of everything before
/// ```
public struct BackupFile: Equatable, Sendable {
  static let magic: UInt32 = 0x4B41_4241
  static let formatVersion: UInt16 = 1
  static let entriesMax = 1_000_000
  static let digestSize = 32

  public var cluster: ClusterID
  public var name: String
  public var takenAt: Int64
  /// The bundles' contents included, once they have been put in.
  public var contents: MetadataSnapshot

  public init(_ contents: MetadataSnapshot, cluster: ClusterRecord, takenAt: Int64) {
    self.cluster = cluster.id
    name = cluster.name
    self.takenAt = takenAt
    self.contents = contents
  }

  public var bytes: [UInt8] {
    var out = WireWriter(capacity: 1 << 16)
    out.write(Self.magic)
    out.write(Self.formatVersion)
    out.write(cluster.high)
    out.write(cluster.low)
    out.write(name)
    out.write(contents.revision)
    out.write(takenAt)
    out.write(UInt32(contents.entries.count))
    for (key, entry) in contents.entries.sorted(by: { $0.key < $1.key }) {
      out.write(key.text)
      out.write(entry.revision)
      out.write(block: entry.value)
    }
    return out.bytes + sha256(out.bytes)
  }

  /// - Parameter place: the file's name, for errors.
  public init(reading bytes: [UInt8], place: String) throws(MetadataStoreError) {
    do throws(WireError) {
      self = try Self.read(bytes)
    } catch {
      throw MetadataStoreError(.damaged, "\(place) is no whole backup of a coordinator's store (\(error)): use another one")
    }
  }

  private static func read(_ bytes: [UInt8]) throws(WireError) -> BackupFile {
    var reader = WireReader(bytes.span.bytes)
    guard try reader.read(UInt32.self) == magic else { throw .invalid(at: 0, "it does not begin as one") }
    let version = try reader.read(UInt16.self)
    guard version == formatVersion else { throw .invalid(at: 4, "format \(version) is not read by this build") }
    guard bytes.count > digestSize, sha256(Array(bytes.dropLast(digestSize))) == Array(bytes.suffix(digestSize)) else {
      throw .invalid(at: max(0, bytes.count - digestSize), "its checksum does not hold")
    }
    let id = ClusterID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
    guard !id.isNone else { throw .invalid(at: 6, "a cluster has an id") }
    let name = try reader.readString()
    var contents = MetadataSnapshot(revision: try reader.read(UInt64.self))
    let takenAt = try reader.read(Int64.self)
    var last: MetadataKey?
    for _ in 0..<(try reader.readCount(itemSize: 14, limit: entriesMax)) {
      let start = reader.position
      let key = MetadataKey(try reader.readString())
      if let last, last >= key { throw .invalid(at: start, "its keys are out of order") }
      last = key
      let revision = try reader.read(UInt64.self)
      contents.entries[key] = .init(value: try reader.readBlock(limit: ClusterLimit.bundleSize), revision: revision)
    }
    _ = try reader.readRaw(digestSize)
    try reader.finish()
    return BackupFile(contents, cluster: ClusterRecord(id: id, name: name), takenAt: takenAt)
  }

  /// Bundles whose contents are still to be put in.
  public var emptyBundles: [BundleID] {
    contents.entries.keys.sorted().compactMap { key in
      guard contents.entries[key]!.value.isEmpty, key.text.hasPrefix(MetadataKey.bundlePrefix) else { return nil }
      return BundleID(key.text.dropFirst(MetadataKey.bundlePrefix.count))
    }
  }

  public mutating func put(_ bundle: BundleID, _ value: [UInt8]) { contents.entries[.bundle(bundle)]?.value = value }
}
