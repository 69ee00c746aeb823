/// Which partitions take the place of which: one is split in two, or two become one (R12); or one goes on under a new id,
/// from a copy that may lack something (R6).
public struct Succession: WireValue, Hashable {
  public struct Child: WireValue, Hashable {
    public var id: PartitionID
    public var range: KeyRange

    public init(id: PartitionID, range: KeyRange) {
      self.id = id
      self.range = range
    }

    public func write(to out: inout WireWriter) {
      out.write(id.rawValue)
      out.write(range.first.rawValue)
      out.write(range.last.rawValue)
    }

    public init(from reader: inout WireReader) throws(WireError) {
      let start = reader.position
      id = PartitionID(try reader.read(UInt32.self))
      let first = KeyHash(try reader.read(UInt64.self))
      let last = KeyHash(try reader.read(UInt64.self))
      guard first <= last else { throw .invalid(at: start + 4, "the range of \(id) is empty") }
      range = KeyRange(first: first, last: last)
    }
  }

  /// The operation that does it.
  public var operation: OperationID
  /// The children's first epoch.
  public var epoch: Epoch
  /// Ascending by range, side by side; together they have the keys that the children have together.
  public var parents: [PartitionID]
  public var children: [Child]

  public init(operation: OperationID, epoch: Epoch, parents: [PartitionID], children: [Child]) {
    self.operation = operation
    self.epoch = epoch
    self.parents = parents
    self.children = children
  }

  public func write(to out: inout WireWriter) {
    out.write(operation.rawValue)
    out.write(epoch.rawValue)
    out.write(UInt8(parents.count))
    for id in parents { out.write(id.rawValue) }
    out.write(UInt8(children.count))
    for child in children { child.write(to: &out) }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    let start = reader.position
    operation = OperationID(try reader.read(UInt32.self))
    epoch = Epoch(try reader.read(UInt64.self))
    parents = []
    for _ in 0..<(try reader.read(UInt8.self)) { parents.append(PartitionID(try reader.read(UInt32.self))) }
    children = []
    for _ in 0..<(try reader.read(UInt8.self)) { children.append(try Child(from: &reader)) }
    if let problem { throw .invalid(at: start, problem) }
  }

  /// One copy's state goes on under a new id, whatever the others have (R6).
  public var isForced: Bool { parents.count == 1 && children.count == 1 }

  /// The first rule that it breaks, in words, or nil.
  var problem: String? {
    guard isForced || parents.count + children.count == 3 && (1...2).contains(parents.count) else {
      return "one partition is split in two, or two become one: these are \(parents.count) and \(children.count)"
    }
    if Set(parents + children.map(\.id)).count != parents.count + children.count { return "operation \(operation) names a partition twice" }
    if epoch == .none { return "operation \(operation) gives its children no epoch" }
    if children.count == 2,
      children[0].range.last.rawValue &+ 1 != children[1].range.first.rawValue || children[1].range.first.rawValue == 0
    {
      return "the children of operation \(operation) are not side by side"
    }
    return nil
  }
}
