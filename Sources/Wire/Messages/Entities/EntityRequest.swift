/// Asks the primary of an entity's partition what it knows of the entity; or, with a transaction, what that one's features were
/// made of. The answer is an `EntityAnswer`, or a `failure`. Reads alone.
///
/// Layout: `u32 partition, u8 kind, u16 events at most, token, transaction id (empty for none)`, each behind a u16 length.
public struct EntityRequest: ClusterMessage {
  public static var kind: FrameKind { .entityRequest }
  public static var eventsMax: Int { 1_000 }

  public var partition: PartitionID
  public var entity: EntityKind
  public var token: String
  public var transaction: String
  /// 1 to `eventsMax`.
  public var events: Int

  public init(partition: PartitionID, entity: EntityKind, token: String, transaction: String = "", events: Int = 100) {
    self.partition = partition
    self.entity = entity
    self.token = token
    self.transaction = transaction
    self.events = events
  }

  public func write(to out: inout WireWriter) {
    out.write(partition.rawValue)
    out.write(entity.rawValue)
    out.write(UInt16(events))
    out.write(token)
    out.write(transaction)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    partition = PartitionID(try reader.read(UInt32.self))
    entity = try reader.read(code: EntityKind.self)
    let at = reader.position
    events = Int(try reader.read(UInt16.self))
    token = try reader.readString()
    transaction = try reader.readString()
    guard (1...Self.eventsMax).contains(events), (1...TransactionView.tokenLengthMax).contains(token.utf8.count),
      transaction.utf8.count <= TransactionView.tokenLengthMax
    else {
      throw .invalid(at: at, "a token has 1 to \(TransactionView.tokenLengthMax) bytes, and at most \(Self.eventsMax) events are told")
    }
  }
}
