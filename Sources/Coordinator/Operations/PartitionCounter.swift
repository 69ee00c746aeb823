import Wire

/// The lowest number of a transfer session that has not been given (R13). In the store from the first session on.
struct TransferCounter: WireValue {
  var next: TransferID

  init(next: TransferID) { self.next = next }

  func write(to out: inout WireWriter) { out.write(next.rawValue) }

  init(from reader: inout WireReader) throws(WireError) { next = TransferID(try reader.read(UInt64.self)) }
}

/// The lowest partition id that has not been given (R2). In the store from the first change of it on; a store without it
/// has the partitions that it was founded with.
struct PartitionCounter: WireValue {
  var next: PartitionID

  init(next: PartitionID) { self.next = next }

  func write(to out: inout WireWriter) { out.write(next.rawValue) }

  init(from reader: inout WireReader) throws(WireError) { next = PartitionID(try reader.read(UInt32.self)) }
}
