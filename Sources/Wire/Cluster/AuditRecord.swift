/// One line of the audit log: who asked for what, when, and what came of it. Each record carries the hash of the one before
/// it, so that none can be changed, left out or put in between without its being seen.
public struct AuditRecord: WireValue, Hashable {
  /// From 1 on, without a gap.
  public var number: UInt64
  /// Milliseconds since the Unix epoch, by the coordinator's clock.
  public var time: Int64
  /// As its certificate says.
  public var who: String
  public var what: String
  public var outcome: String
  /// Of the record before; 32 zeros for the first one.
  public var previous: [UInt8]
  /// SHA-256 over everything above as it is encoded.
  public let hash: [UInt8]

  public static let hashSize = 32
  public static let noHash = [UInt8](repeating: 0, count: hashSize)
  static let encodedSizeMin = 8 + 8 + 6 + 64

  public init(after last: AuditRecord?, time: Int64, who: String, what: String, outcome: String) {
    number = (last?.number ?? 0) + 1
    self.time = time
    self.who = who
    self.what = what
    self.outcome = outcome
    previous = last?.hash ?? Self.noHash
    hash = Self.hash(number, time, [who, what, outcome], previous)
  }

  /// The first record that is not what its writer wrote, or nil. The oldest ones may have been dropped.
  public static func firstBroken(_ records: [AuditRecord]) -> AuditRecord? {
    for (index, record) in records.enumerated() {
      guard record.hash == hash(record.number, record.time, [record.who, record.what, record.outcome], record.previous) else {
        return record
      }
      if index > 0, record.previous != records[index - 1].hash || record.number != records[index - 1].number + 1 { return record }
      if record.number == 1, record.previous != noHash { return record }
    }
    return nil
  }

  private static func hash(_ number: UInt64, _ time: Int64, _ texts: [String], _ previous: [UInt8]) -> [UInt8] {
    var out = WireWriter()
    out.write(number)
    out.write(time)
    for text in texts { out.write(text) }
    for byte in previous { out.write(byte) }
    return sha256(out.bytes)
  }

  public func write(to out: inout WireWriter) {
    out.write(number)
    out.write(time)
    for text in [who, what, outcome] { out.write(text) }
    for byte in previous + hash { out.write(byte) }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    number = try reader.read(UInt64.self)
    time = try reader.read(Int64.self)
    who = try reader.readString(limit: ClusterLimit.textLength)
    what = try reader.readString(limit: ClusterLimit.textLength)
    outcome = try reader.readString(limit: ClusterLimit.textLength)
    var hashes: [[UInt8]] = []
    for _ in 0..<2 {
      var bytes: [UInt8] = []
      for _ in 0..<Self.hashSize { bytes.append(try reader.read(UInt8.self)) }
      hashes.append(bytes)
    }
    previous = hashes[0]
    hash = hashes[1]
  }
}
