/// The truth about one partition: who holds it and who may act for it. Only the coordinator changes it, by a
/// compare-and-set on `version` (R1).
public struct PartitionRecord: WireValue {
  public var id: PartitionID
  public var range: KeyRange
  /// Raised with every change of primary and every restart of one (R2).
  public var epoch: Epoch
  /// Raised with every change, and with every refusal of a proposal (R4).
  public var version: RecordVersion
  /// Who may act as primary in `epoch`, by node, disk and process; nil while no electable replica is alive.
  public var primary: Member?
  /// The in-sync replicas, ascending by node. Never empty, but for a partition that lost every electable replica.
  public var isr: [Member]
  /// Former in-sync replicas that stay electable while |ISR| < minISR (R6), ascending by node.
  public var eligible: [Member]
  /// Every node that keeps a copy, preferred primary first. Those outside the ISR are learners.
  public var replicas: [NodeID]

  public init(
    id: PartitionID, range: KeyRange, epoch: Epoch, version: RecordVersion, primary: Member?, isr: [Member],
    eligible: [Member] = [], replicas: [NodeID]
  ) {
    self.id = id
    self.range = range
    self.epoch = epoch
    self.version = version
    self.primary = primary
    self.isr = isr
    self.eligible = eligible
    self.replicas = replicas
  }

  /// Copies that catch up: placed, and not in sync.
  public var learners: [NodeID] { replicas.filter { node in !isr.contains { $0.node == node } } }

  public func isr(_ node: NodeID) -> Member? { isr.first { $0.node == node } }
  public func eligible(_ node: NodeID) -> Member? { eligible.first { $0.node == node } }
  /// The member as which `node` may be elected (R6), if it may.
  public func electable(_ node: NodeID) -> Member? { isr(node) ?? eligible(node) }

  /// The first rule of a well-formed record that this one breaks, in words, or nil.
  public var problem: String? {
    if replicas.isEmpty || replicas.count > ClusterLimit.replicas { return "\(id) has \(replicas.count) replicas" }
    if Set(replicas).count != replicas.count { return "\(id) names a replica twice" }
    for list in [isr, eligible] {
      for (a, b) in zip(list, list.dropFirst()) where a.node >= b.node { return "\(id): members are out of order" }
      for member in list where !replicas.contains(member.node) { return "\(id): \(member.node) is a member and no replica" }
    }
    for member in eligible where isr(member.node) != nil { return "\(id): \(member.node) is both in sync and eligible" }
    if let primary, isr(primary.node) == nil { return "\(id): its primary \(primary.node) is not in sync" }
    return nil
  }

  static let encodedSizeMin = 4 + 16 + 8 + 8 + 1 + 3

  public func write(to out: inout WireWriter) {
    out.write(id.rawValue)
    out.write(range.first.rawValue)
    out.write(range.last.rawValue)
    out.write(epoch.rawValue)
    out.write(version.rawValue)
    out.write(optional: primary)
    for list in [isr, eligible] {
      out.write(UInt8(list.count))
      for member in list { member.write(to: &out) }
    }
    out.write(UInt8(replicas.count))
    for node in replicas { out.write(node.rawValue) }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    let start = reader.position
    id = PartitionID(try reader.read(UInt32.self))
    let first = KeyHash(try reader.read(UInt64.self))
    let last = KeyHash(try reader.read(UInt64.self))
    guard first <= last else { throw WireError.invalid(at: start + 4, "the range of \(id) is empty") }
    range = KeyRange(first: first, last: last)
    epoch = Epoch(try reader.read(UInt64.self))
    version = RecordVersion(try reader.read(UInt64.self))
    primary = try reader.read(optional: Member.self)
    isr = try Self.readMembers(from: &reader)
    eligible = try Self.readMembers(from: &reader)
    let count = try Self.readReplicaCount(from: &reader)
    replicas = []
    for _ in 0..<count { replicas.append(NodeID(try reader.read(UInt32.self))) }
    if let problem { throw WireError.invalid(at: start, problem) }
  }

  private static func readMembers(from reader: inout WireReader) throws(WireError) -> [Member] {
    let count = try readReplicaCount(from: &reader)
    var members: [Member] = []
    for _ in 0..<count { members.append(try Member(from: &reader)) }
    return members
  }

  private static func readReplicaCount(from reader: inout WireReader) throws(WireError) -> Int {
    let at = reader.position
    let count = Int(try reader.read(UInt8.self))
    guard count <= ClusterLimit.replicas else { throw WireError.overLimit(at: at, count, limit: ClusterLimit.replicas) }
    return count
  }
}
