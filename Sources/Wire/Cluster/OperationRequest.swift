/// What an operation is to do. The code of a case is on the wire and in the store, and never used for another.
public enum OperationRequest: WireValue {
  /// Take all work off a worker, until it can be stopped without anybody noticing.
  case drain(NodeID)
  /// Let a drained worker have work again.
  case undrain(NodeID)
  /// Make a copy of the partition on `to`, then take the one on `from` away.
  case move(PartitionID, from: NodeID, to: NodeID)
  /// Have another in-sync replica lead the partition, without a gap.
  case handOver(PartitionID, to: NodeID)
  /// R6: have a replica lead that may lack what was acknowledged. The partition goes on under a new id.
  case forceElection(PartitionID, NodeID, reason: String)
  /// Take all work and all copies off a worker, for good.
  case remove(NodeID)
  /// Spread copies and leads evenly over the workers that are there.
  case rebalance
  /// R2: go on after a restore of the store without a worker that never comes back.
  case giveUp(NodeID, reason: String)
  /// R12: two partitions take the place of one, the second from the key `at` on.
  case split(PartitionID, at: KeyHash)
  /// R12: one partition takes the place of two that are side by side.
  case merge(PartitionID, PartitionID)

  public static let reasonLength = 256

  private enum Code: UInt8 {
    case drain = 1
    case undrain = 2
    case move = 3
    case handOver = 4
    case forceElection = 5
    case remove = 6
    case rebalance = 7
    case giveUp = 8
    case split = 16
    case merge = 17
  }

  /// The partition that no other operation may work on meanwhile, if it is about one.
  public var partition: PartitionID? {
    switch self {
    case .drain, .undrain, .remove, .rebalance, .giveUp: nil
    case .move(let id, _, _), .handOver(let id, _), .forceElection(let id, _, _), .split(let id, _), .merge(let id, _): id
    }
  }

  /// Every partition that no other operation may work on meanwhile.
  public var partitions: [PartitionID] {
    if case .merge(let a, let b) = self { [a, b] } else { partition.map { [$0] } ?? [] }
  }

  /// Whether other partitions take the place of those that it is about.
  public var makesSuccessors: Bool {
    switch self {
    case .split, .merge, .forceElection: true
    default: false
    }
  }

  /// Whether its record is kept for ever: it may have cost acknowledged data.
  public var isAudited: Bool {
    switch self {
    case .forceElection, .giveUp: true
    default: false
    }
  }

  /// The kind, as the command line names it.
  public var name: String {
    switch self {
    case .drain: "drain"
    case .undrain: "undrain"
    case .move: "move"
    case .handOver: "hand-over"
    case .forceElection: "force-elect"
    case .remove: "remove"
    case .rebalance: "rebalance"
    case .giveUp: "give-up"
    case .split: "split"
    case .merge: "merge"
    }
  }

  public func write(to out: inout WireWriter) {
    switch self {
    case .drain(let node): out.write(Code.drain, node.rawValue)
    case .undrain(let node): out.write(Code.undrain, node.rawValue)
    case .remove(let node): out.write(Code.remove, node.rawValue)
    case .rebalance: out.write(Code.rebalance.rawValue)
    case .giveUp(let node, let reason):
      out.write(Code.giveUp, node.rawValue)
      out.write(reason)
    case .move(let partition, let from, let to):
      out.write(Code.move, partition.rawValue)
      out.write(from.rawValue)
      out.write(to.rawValue)
    case .handOver(let partition, let to):
      out.write(Code.handOver, partition.rawValue)
      out.write(to.rawValue)
    case .forceElection(let partition, let node, let reason):
      out.write(Code.forceElection, partition.rawValue)
      out.write(node.rawValue)
      out.write(reason)
    case .split(let partition, let at):
      out.write(Code.split, partition.rawValue)
      out.write(at.rawValue)
    case .merge(let a, let b):
      out.write(Code.merge, a.rawValue)
      out.write(b.rawValue)
    }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    switch try reader.read(code: Code.self) {
    case .drain: self = .drain(NodeID(try reader.read(UInt32.self)))
    case .undrain: self = .undrain(NodeID(try reader.read(UInt32.self)))
    case .remove: self = .remove(NodeID(try reader.read(UInt32.self)))
    case .rebalance: self = .rebalance
    case .giveUp: self = .giveUp(NodeID(try reader.read(UInt32.self)), reason: try reader.readString(limit: Self.reasonLength))
    case .move:
      self = .move(
        PartitionID(try reader.read(UInt32.self)), from: NodeID(try reader.read(UInt32.self)), to: NodeID(try reader.read(UInt32.self)))
    case .handOver: self = .handOver(PartitionID(try reader.read(UInt32.self)), to: NodeID(try reader.read(UInt32.self)))
    case .forceElection:
      self = .forceElection(
        PartitionID(try reader.read(UInt32.self)), NodeID(try reader.read(UInt32.self)),
        reason: try reader.readString(limit: Self.reasonLength))
    case .split: self = .split(PartitionID(try reader.read(UInt32.self)), at: KeyHash(try reader.read(UInt64.self)))
    case .merge: self = .merge(PartitionID(try reader.read(UInt32.self)), PartitionID(try reader.read(UInt32.self)))
    }
  }
}

extension WireWriter {
  /// A request's code and the number of what it is about.
  fileprivate mutating func write(_ code: some RawRepresentable<UInt8>, _ subject: UInt32) {
    write(code.rawValue)
    write(subject)
  }
}
