import Wire

/// A handful of the store's keys with their values, packed into one key of etcd.
///
/// etcd takes at most 128 operations in a transaction (`--max-txn-ops`), and the death of one worker may change hundreds of
/// partition records at once. So keys with a number at their end are spread over a fixed count of pages by that number;
/// whatever changes together then touches a bounded number of them.
///
/// ```
/// page   count u32, then for each key, ascending: key (u16 length), revision u64, value (u32 length)
/// ```
struct MetadataPage: Equatable, Sendable {
  var entries: [MetadataKey: MetadataSnapshot.Entry] = [:]

  static let entriesMax = 65_536
  static let valueMax = 1 << 20

  /// How many pages the keys under a prefix are spread over. The sum, with keys that have a page of their own, must stay
  /// below `EtcdLimit.operations`.
  static func count(prefix: Substring) -> UInt64 {
    switch String(prefix) {
    case MetadataKey.partitionPrefix: 64
    case MetadataKey.listItemPrefix: 16
    default: 8
    }
  }

  /// The page that holds `key`: `partition/07`, or the key itself where no number ends it.
  static func name(of key: MetadataKey) -> String {
    guard let slash = key.text.lastIndex(of: "/") else { return key.text }
    let prefix = key.text[...slash]
    let last = key.text[key.text.index(after: slash)...]
    guard let number = UInt64(last) ?? UInt64(last.prefix(16), radix: 16) else { return "\(prefix)all" }
    let page = number % count(prefix: prefix)
    return "\(prefix)\(page < 10 ? "0" : "")\(page)"
  }

  var bytes: [UInt8] {
    var out = WireWriter()
    out.write(UInt32(entries.count))
    for (key, entry) in entries.sorted(by: { $0.key < $1.key }) {
      out.write(key.text)
      out.write(entry.revision)
      out.write(block: entry.value)
    }
    return out.bytes
  }

  init() {}

  init(reading bytes: RawSpan) throws(WireError) {
    var reader = WireReader(bytes)
    let count = try reader.readCount(itemSize: 2 + 8 + 4, limit: Self.entriesMax)
    var last: MetadataKey?
    for _ in 0..<count {
      let start = reader.position
      let key = MetadataKey(try reader.readString())
      if let last, last >= key { throw WireError.invalid(at: start, "the page's keys are out of order") }
      last = key
      let revision = try reader.read(UInt64.self)
      entries[key] = .init(value: try reader.readBlock(limit: Self.valueMax), revision: revision)
    }
    try reader.finish()
  }
}

/// What etcd takes as it comes; a transaction beyond it is refused before it is sent.
enum EtcdLimit {
  /// Puts and deletes of one transaction, of `--max-txn-ops` 128, with room for the head.
  static let operations = 126
  /// Bytes of one transaction, of `--max-request-bytes` 1.5 MiB.
  static let transactionBytes = 1_400_000
  /// Partitions of a cluster, so that a transaction that changes all of them fits.
  static let partitions = 3_072
}
