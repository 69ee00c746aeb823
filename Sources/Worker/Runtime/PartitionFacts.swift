import Wire

/// What a replica must have on disk before it answers (R2, R3): its highest epoch and newest coordinator record.
struct PartitionFacts: WireValue {
  var highestEpoch: Epoch
  var record: PartitionRecord?

  init(highestEpoch: Epoch, record: PartitionRecord?) {
    self.highestEpoch = highestEpoch
    self.record = record
  }

  func write(to out: inout WireWriter) {
    out.write(highestEpoch.rawValue)
    out.write(record != nil)
    record?.write(to: &out)
  }

  init(from reader: inout WireReader) throws(WireError) {
    highestEpoch = Epoch(try reader.read(UInt64.self))
    record = try reader.readBool() ? try PartitionRecord(from: &reader) : nil
  }
}
