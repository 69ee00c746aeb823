/// What transactions of one partition contribute to the entities of another (X1), and up to where the sender needs no
/// reply any more (X3). Sent by the home partition's primary to the entities' one, after the intakes have committed. The
/// addressee stands first, as in every message between partitions.
///
/// ```
///  0 u32 target partition  4 u32 home partition  8 u64 home epoch  16 u64 target epoch
/// 24 u32 sender  28 u32 reserved (0)  32 u64 sender's incarnation  40 u64 settled
/// 48 u64 u64 bundle  64 u32 items, then each (`ContributionItem`) in rising order of offset
/// ```
public struct Contributions: Equatable, Sendable {
  public static var itemsMax: Int { 1024 }
  /// What a sender puts into one, so that it fits into a frame, and its log record into one to a follower. One item always does.
  public static var bytesMax: Int { 4 << 20 }

  public var home: PartitionID
  public var homeEpoch: Epoch
  public var target: PartitionID
  /// As the sender's map has it: one that the target has left behind is refused as fenced (R3).
  public var targetEpoch: Epoch
  public var sender: NodeID
  public var senderIncarnation: Incarnation
  /// Every intake below has all its contributions to the target acknowledged and its decision committed.
  public var settled: Offset
  /// The bundle under which the intakes were logged: it names the feature set (X6).
  public var bundle: BundleID
  /// None: only `settled` is told.
  public var items: [ContributionItem]

  public init(
    home: PartitionID, homeEpoch: Epoch, target: PartitionID, targetEpoch: Epoch, sender: NodeID, senderIncarnation: Incarnation,
    settled: Offset, bundle: BundleID, items: [ContributionItem]
  ) {
    self.home = home
    self.homeEpoch = homeEpoch
    self.target = target
    self.targetEpoch = targetEpoch
    self.sender = sender
    self.senderIncarnation = senderIncarnation
    self.settled = settled
    self.bundle = bundle
    self.items = items
  }

  public var encodedSize: Int { items.reduce(68) { $0 + $1.encodedSize } }

  public func write(to out: inout WireWriter) {
    out.write(target.rawValue)
    out.write(home.rawValue)
    out.write(homeEpoch.rawValue)
    out.write(targetEpoch.rawValue)
    out.write(sender.rawValue)
    out.write(0 as UInt32)
    out.write(senderIncarnation.rawValue)
    out.write(settled.rawValue)
    out.write(bundle.high)
    out.write(bundle.low)
    out.write(UInt32(items.count))
    for item in items { item.write(to: &out) }
  }

  public init(reading payload: RawSpan) throws(WireError) {
    var reader = WireReader(payload)
    target = PartitionID(try reader.read(UInt32.self))
    home = PartitionID(try reader.read(UInt32.self))
    homeEpoch = Epoch(try reader.read(UInt64.self))
    targetEpoch = Epoch(try reader.read(UInt64.self))
    sender = NodeID(try reader.read(UInt32.self))
    guard try reader.read(UInt32.self) == 0 else { throw .invalid(at: 28, "reserved bytes are not 0") }
    senderIncarnation = Incarnation(try reader.read(UInt64.self))
    settled = Offset(try reader.read(UInt64.self))
    bundle = BundleID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
    let count = try reader.readCount(itemSize: ContributionItem.encodedSizeMin, limit: Self.itemsMax)
    let bytes = count == 0 ? [] : payload.withUnsafeBytes { [UInt8]($0) }
    items = []
    items.reserveCapacity(count)
    for _ in 0..<count {
      let at = reader.position
      let item = try ContributionItem(from: &reader, of: bytes)
      if let last = items.last, item.offset <= last.offset { throw .invalid(at: at, "contributions are out of order") }
      items.append(item)
    }
    try reader.finish()
  }
}
