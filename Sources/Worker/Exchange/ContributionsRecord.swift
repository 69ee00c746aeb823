import Wire

/// Contributions of one home partition in the log of the entities' one: what is applied to them there, and up to where the home
/// has settled (X2, X3). The payload of a `contributions` log record is one of these or several, one behind the other: what came
/// in one burst. One entry of one offset.
///
/// ```
///  0 u32 home partition  4 u32 items  8 u64 settled  16 u64 map version that admits the home, where it is unknown
/// 24 u64 first key  32 u64 last key of this partition, for which the home is known from here on
/// 40 u64 u64 bundle of the intakes    56 items (`ContributionItem`) in rising order of offset; their slots are the fresh ones
/// ```
public struct ContributionsRecord: Equatable, Sendable {
  public var home: PartitionID
  public var settled: Offset
  public var map: MapVersion
  public var range: KeyRange
  public var bundle: BundleID
  public var items: [ContributionItem]

  public init(home: PartitionID, settled: Offset, map: MapVersion, range: KeyRange, bundle: BundleID, items: [ContributionItem]) {
    self.home = home
    self.settled = settled
    self.map = map
    self.range = range
    self.bundle = bundle
    self.items = items
  }

  public func write(to out: inout WireWriter) {
    out.write(home.rawValue)
    out.write(UInt32(items.count))
    out.write(settled.rawValue)
    out.write(map.rawValue)
    out.write(range.first.rawValue)
    out.write(range.last.rawValue)
    out.write(bundle.high)
    out.write(bundle.low)
    for item in items { item.write(to: &out) }
  }

  /// All of a log record's payload, in order. Trusts what the record's checksum has proven, but never a length.
  public static func readAll(_ payload: RawSpan) throws(WireError) -> [ContributionsRecord] {
    let bytes = payload.withUnsafeBytes { [UInt8]($0) }
    var reader = WireReader(payload)
    var records: [ContributionsRecord] = []
    repeat { records.append(try ContributionsRecord(from: &reader, of: bytes)) } while reader.remaining > 0
    return records
  }

  /// `bytes` is what the reader reads.
  @_lifetime(reader: copy reader)
  private init(from reader: inout WireReader, of bytes: [UInt8]) throws(WireError) {
    home = PartitionID(try reader.read(UInt32.self))
    let count = Int(try reader.read(UInt32.self))
    guard count <= Contributions.itemsMax else { throw .overLimit(at: reader.position - 4, count, limit: Contributions.itemsMax) }
    settled = Offset(try reader.read(UInt64.self))
    map = MapVersion(try reader.read(UInt64.self))
    let (first, last) = (try reader.read(UInt64.self), try reader.read(UInt64.self))
    guard first <= last else { throw .invalid(at: reader.position - 16, "a range ends before it begins") }
    range = KeyRange(first: KeyHash(first), last: KeyHash(last))
    bundle = BundleID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
    items = []
    for _ in 0..<count {
      let at = reader.position
      let item = try ContributionItem(from: &reader, of: bytes)
      if let last = items.last, item.offset <= last.offset { throw .invalid(at: at, "contributions are out of order") }
      items.append(item)
    }
  }

  /// Bytes that it takes.
  public var encodedSize: Int { items.reduce(56) { $0 + $1.encodedSize } }
}

extension EntityLedger {
  /// Applies a `contributions` entry that ends at `end`. `observe` adds a transaction to the history of one of its
  /// entities, appends the entity's features to the values, and answers what is to be said of them; or it gives one that is there
  /// its label, of which there is nothing to be said.
  public mutating func apply(
    _ record: ContributionsRecord, end: Offset,
    observe: (_ transaction: TransactionView, EntitySlot, KeyHash, Label?, _ values: inout [Double]) -> UInt8
  ) {
    var values: [Double] = []
    values.reserveCapacity(record.items.count * 4)
    var places: [(item: Int, slot: EntitySlot, key: KeyHash, flags: UInt8, values: Range<Int>)] = []
    places.reserveCapacity(record.items.count * 2)
    for (index, item) in record.items.enumerated() {
      item.transaction.withUnsafeBytes { bytes in
        let transaction = TransactionView(trusted: RawSpan(_unsafeBytes: bytes))
        item.slots.forEach { slot in
          let key = transaction.key(slot)
          let first = values.count
          let flags = observe(transaction, slot, key, item.label, &values)
          places.append((index, slot, key, flags, first..<values.count))
        }
      }
    }
    let fresh = places.map { place in
      Kept(
        offset: record.items[place.item].offset, slot: place.slot, key: place.key, flags: place.flags, values: values[place.values],
        end: end)
    }
    apply(record.home, settled: record.settled, map: record.map, range: record.range, fresh: fresh)
  }
}
