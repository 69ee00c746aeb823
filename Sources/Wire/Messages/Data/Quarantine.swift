/// Transactions that a client could not turn into records (unreadable text), for the cluster's quarantine, so that
/// nothing a user sends is lost without a trace. Answered by `Quarantined` once the records are on disk.
public struct Quarantine: Equatable, Sendable {
  public static var recordsMax: Int { 1_000 }
  public static var excerptMax: Int { 1_024 }

  public struct Record: Equatable, Sendable {
    public var rejection: Rejection
    /// Where the record came from, such as `submit:file.ndjson:17`.
    public var source: String
    /// The first bytes of what could not be read, at most `excerptMax`; not always UTF-8.
    public var excerpt: [UInt8]

    public init(rejection: Rejection, source: String, excerpt: [UInt8]) {
      self.rejection = rejection
      self.source = source
      self.excerpt = excerpt
    }
  }

  public var records: [Record]

  public init(records: [Record]) { self.records = records }

  public func write(to out: inout WireWriter) {
    out.write(UInt32(records.count))
    for record in records {
      out.write(record.rejection.reason.rawValue)
      out.write(record.rejection.field)
      out.write(record.rejection.detail)
      out.write(record.source)
      out.write(block: record.excerpt)
    }
  }

  public init(reading payload: RawSpan) throws(WireError) {
    var reader = WireReader(payload)
    let count = try reader.readCount(itemSize: 11, limit: Self.recordsMax)
    records = []
    records.reserveCapacity(count)
    for _ in 0..<count {
      let at = reader.position
      guard let reason = RejectReason(rawValue: try reader.read(UInt8.self)) else { throw .invalid(at: at, "unknown reject reason") }
      let rejection = Rejection(reason, field: try reader.readString(), try reader.readString())
      records.append(
        Record(rejection: rejection, source: try reader.readString(), excerpt: try reader.readBlock(limit: Self.excerptMax)))
    }
    try reader.finish()
  }
}

/// All records of a `Quarantine` are on the worker's disk.
public struct Quarantined: Equatable, Sendable {
  public var count: UInt32

  public init(count: UInt32) { self.count = count }
  public func write(to out: inout WireWriter) { out.write(count) }

  public init(reading payload: RawSpan) throws(WireError) {
    var reader = WireReader(payload)
    count = try reader.read(UInt32.self)
    try reader.finish()
  }
}
