/// The answer to `Contributions`, once everything in it has committed (X2), or why there is none.
///
/// ```
///  0 u32 home partition  4 u32 target partition  8 u64 home epoch  16 u64 target epoch
/// 24 u32 sender  28 u32 reserved (0)  32 u64 sender's incarnation  40 u64 settled as the target has logged it
/// 48 u8 result
///    0: u32 replies, each: u64 offset, u8 slot, u8 status (0 applied, 1 stale), u8 flags, u8 reserved (0), u16 values, f64 each
///    1 (fenced): u64 highest epoch     2 (unknown home): u64 map version     3 (unavailable): nothing
/// ```
public struct ContributionReplies: Equatable, Sendable {
  /// What became of one contribution.
  public struct Reply: Equatable, Sendable {
    public enum Status: Equatable, Sendable {
      /// It is in the entity's history, or counts so (X2); these are the entity's features just behind it, by the bundle of
      /// the contribution. None where the target does not keep these. `flags` are an `Observation`'s. Values of one message share
      /// their memory.
      case applied(flags: UInt8, values: ArraySlice<Double>)
      /// Below what is settled: it was applied, and its reply is forgotten (X3).
      case stale
    }

    public var offset: Offset
    public var slot: EntitySlot
    public var status: Status

    public init(offset: Offset, slot: EntitySlot, status: Status) {
      self.offset = offset
      self.slot = slot
      self.status = status
    }
  }

  public enum Result: Equatable, Sendable {
    case replies([Reply])
    /// The target's epoch is not the one asked for: the higher one of both, for a fresh map (R3).
    case fenced(highest: Epoch)
    /// The home partition is unknown, and stands in no map that is new enough to admit it (X5).
    case unknownHome(MapVersion)
    /// It does not serve now.
    case unavailable
  }

  public static var repliesMax: Int { Contributions.itemsMax * 8 }
  public static var valuesMax: Int { 512 }

  public var home: PartitionID
  public var homeEpoch: Epoch
  public var target: PartitionID
  public var targetEpoch: Epoch
  public var sender: NodeID
  public var senderIncarnation: Incarnation
  public var settled: Offset
  public var result: Result

  public init(
    home: PartitionID, homeEpoch: Epoch, target: PartitionID, targetEpoch: Epoch, sender: NodeID, senderIncarnation: Incarnation,
    settled: Offset, result: Result
  ) {
    self.home = home
    self.homeEpoch = homeEpoch
    self.target = target
    self.targetEpoch = targetEpoch
    self.sender = sender
    self.senderIncarnation = senderIncarnation
    self.settled = settled
    self.result = result
  }

  public func write(to out: inout WireWriter) {
    out.write(home.rawValue)
    out.write(target.rawValue)
    out.write(homeEpoch.rawValue)
    out.write(targetEpoch.rawValue)
    out.write(sender.rawValue)
    out.write(0 as UInt32)
    out.write(senderIncarnation.rawValue)
    out.write(settled.rawValue)
    switch result {
    case .replies(let replies):
      out.write(0 as UInt8)
      out.write(UInt32(replies.count))
      for reply in replies { reply.write(to: &out) }
    case .fenced(let highest):
      out.write(1 as UInt8)
      out.write(highest.rawValue)
    case .unknownHome(let version):
      out.write(2 as UInt8)
      out.write(version.rawValue)
    case .unavailable: out.write(3 as UInt8)
    }
  }

  public init(reading payload: RawSpan) throws(WireError) {
    var reader = WireReader(payload)
    home = PartitionID(try reader.read(UInt32.self))
    target = PartitionID(try reader.read(UInt32.self))
    homeEpoch = Epoch(try reader.read(UInt64.self))
    targetEpoch = Epoch(try reader.read(UInt64.self))
    sender = NodeID(try reader.read(UInt32.self))
    guard try reader.read(UInt32.self) == 0 else { throw .invalid(at: 28, "reserved bytes are not 0") }
    senderIncarnation = Incarnation(try reader.read(UInt64.self))
    settled = Offset(try reader.read(UInt64.self))
    let at = reader.position
    switch try reader.read(UInt8.self) {
    case 0:
      let count = try reader.readCount(itemSize: Reply.encodedSizeMin, limit: Self.repliesMax)
      result = .replies(try Reply.read(count, from: &reader))
    case 1: result = .fenced(highest: Epoch(try reader.read(UInt64.self)))
    case 2: result = .unknownHome(MapVersion(try reader.read(UInt64.self)))
    case 3: result = .unavailable
    default: throw .invalid(at: at, "unknown result of contributions")
    }
    try reader.finish()
  }
}

extension ContributionReplies.Reply {
  static var encodedSizeMin: Int { 14 }

  func write(to out: inout WireWriter) {
    out.write(offset.rawValue)
    out.write(slot.rawValue)
    switch status {
    case .applied(let flags, let values):
      out.write(0 as UInt8)
      out.write(flags)
      out.write(0 as UInt8)
      out.write(UInt16(values.count))
      for value in values { out.write(value) }
    case .stale:
      out.write(1 as UInt8)
      out.write(0 as UInt32)
    }
  }

  /// Values of all lie in one array.
  @_lifetime(reader: copy reader)
  static func read(_ count: Int, from reader: inout WireReader) throws(WireError) -> [Self] {
    var replies: [Self] = []
    replies.reserveCapacity(count)
    var values: [Double] = []
    values.reserveCapacity(reader.remaining / 8)
    var ends: [Int] = []
    ends.reserveCapacity(count)
    for _ in 0..<count {
      replies.append(try readOne(from: &reader, &values))
      ends.append(values.count)
    }
    for index in replies.indices {
      guard case .applied(let flags, _) = replies[index].status else { continue }
      replies[index].status = .applied(flags: flags, values: values[(index == 0 ? 0 : ends[index - 1])..<ends[index]])
    }
    return replies
  }

  /// A reply without its values, which are appended to `values`.
  @_lifetime(reader: copy reader)
  private static func readOne(from reader: inout WireReader, _ values: inout [Double]) throws(WireError) -> Self {
    let offset = Offset(try reader.read(UInt64.self))
    let at = reader.position
    guard let slot = EntitySlot(rawValue: try reader.read(UInt8.self)), slot.kind != .card else {
      throw .invalid(at: at, "no such entity")
    }
    let code = try reader.read(UInt8.self)
    let flags = try reader.read(UInt8.self)
    guard try reader.read(UInt8.self) == 0 else { throw .invalid(at: at + 3, "reserved bytes are not 0") }
    let count = Int(try reader.read(UInt16.self))
    guard count <= ContributionReplies.valuesMax else {
      throw .overLimit(at: at + 4, count, limit: ContributionReplies.valuesMax)
    }
    switch code {
    case 0:
      for _ in 0..<count { values.append(try reader.readDouble()) }
      return Self(offset: offset, slot: slot, status: .applied(flags: flags, values: []))
    case 1:
      guard flags == 0, count == 0 else { throw .invalid(at: at + 2, "a stale reply has no values") }
      return Self(offset: offset, slot: slot, status: .stale)
    default: throw .invalid(at: at + 1, "unknown status of a contribution")
    }
  }
}
