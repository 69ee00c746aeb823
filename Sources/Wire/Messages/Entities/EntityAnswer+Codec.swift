/// Lists are behind a u32 count, texts behind a u16 length, flags are one byte.
extension EntityAnswer {
  static let featuresMax = 1_024

  public func write(to out: inout WireWriter) {
    out.write(partition.rawValue)
    out.write(epoch.rawValue)
    out.write(commit.rawValue)
    out.write(bundle)
    out.write(UInt32(eventCount))
    out.write(oldestTime)
    out.write(newestTime)
    out.write(isTruncated)
    out.write(UInt64(memoryBytes))
    out.write(UInt32(events.count))
    for event in events { event.write(to: &out) }
    out.write(UInt32(features.count))
    for feature in features { feature.write(to: &out) }
    out.write(decided != nil)
    decided?.write(to: &out)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    partition = PartitionID(try reader.read(UInt32.self))
    epoch = Epoch(try reader.read(UInt64.self))
    commit = Offset(try reader.read(UInt64.self))
    bundle = try reader.read(id: BundleID.self)
    eventCount = Int(try reader.read(UInt32.self))
    oldestTime = try reader.read(Int64.self)
    newestTime = try reader.read(Int64.self)
    isTruncated = try reader.readBool()
    let at = reader.position
    guard let memory = Int(exactly: try reader.read(UInt64.self)) else { throw .invalid(at: at, "a size has at most 63 bits") }
    memoryBytes = memory
    events = []
    for _ in 0..<(try reader.readCount(itemSize: 20, limit: EntityRequest.eventsMax)) { events.append(try Event(from: &reader)) }
    features = []
    for _ in 0..<(try reader.readCount(itemSize: 35, limit: Self.featuresMax)) { features.append(try Feature(from: &reader)) }
    decided = try reader.readBool() ? try Decided(from: &reader) : nil
  }
}

extension EntityAnswer.Event {
  public func write(to out: inout WireWriter) {
    out.write(time)
    out.write(amount)
    out.write(UInt32(fields.count))
    for field in fields {
      out.write(field.name)
      out.write(field.value)
    }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    time = try reader.read(Int64.self)
    amount = try reader.read(Int64.self)
    fields = []
    for _ in 0..<(try reader.readCount(itemSize: 4, limit: 64)) { fields.append(try EntityAnswer.Field(from: &reader)) }
  }
}

extension EntityAnswer.Field {
  public func write(to out: inout WireWriter) {
    out.write(name)
    out.write(value)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    name = try reader.readString()
    value = try reader.readString()
  }
}

extension EntityAnswer.Feature {
  public func write(to out: inout WireWriter) {
    out.write(name)
    out.write(value)
    out.write(after)
    out.write(until)
    out.write(UInt32(count))
    out.write(isPartial)
    out.write(UInt32(events.count))
    for event in events { out.write(UInt16(event)) }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    name = try reader.readString()
    value = try reader.readDouble()
    after = try reader.read(Int64.self)
    until = try reader.read(Int64.self)
    count = Int(try reader.read(UInt32.self))
    isPartial = try reader.readBool()
    events = []
    for _ in 0..<(try reader.readCount(itemSize: 2, limit: EntityRequest.eventsMax)) { events.append(Int(try reader.read(UInt16.self))) }
  }
}

extension EntityAnswer.Decided {
  public func write(to out: inout WireWriter) {
    out.write(partition.rawValue)
    out.write(offset.rawValue)
    out.write(bundle)
    out.write(score)
    out.write(action)
    for texts in [reasons, flags] {
      out.write(UInt32(texts.count))
      for text in texts { out.write(text) }
    }
    out.write(eventTime)
    out.write(loggedTime)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    partition = PartitionID(try reader.read(UInt32.self))
    offset = Offset(try reader.read(UInt64.self))
    bundle = try reader.read(id: BundleID.self)
    score = try reader.readFloat()
    action = try reader.readString()
    reasons = []
    for _ in 0..<(try reader.readCount(itemSize: 2, limit: 16)) { reasons.append(try reader.readString()) }
    flags = []
    for _ in 0..<(try reader.readCount(itemSize: 2, limit: 16)) { flags.append(try reader.readString()) }
    eventTime = try reader.read(Int64.self)
    loggedTime = try reader.read(Int64.self)
  }
}
