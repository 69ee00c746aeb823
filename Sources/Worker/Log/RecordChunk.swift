import Wire

/// Bytes of whole log records, shared by the journal, the followers' links and the sinks until the last of them is done.
///
/// Built by one event loop, immutable from the moment it is handed out.
public final class RecordChunk: @unchecked Sendable {
  /// Records, one directly behind the other.
  public private(set) var bytes: [UInt8]
  private var isSealed = false

  public init(capacity: Int = 0) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  public init(records bytes: [UInt8]) {
    self.bytes = bytes
    isSealed = true
  }

  public var isEmpty: Bool { bytes.isEmpty }

  /// Adds a record of `length` bytes: `fill` writes everything behind the header, then the header is sealed over it.
  /// Returns where the record lies.
  public func append(_ header: LogRecord, fill: (UnsafeMutableRawBufferPointer) -> Void) -> Range<Int> {
    precondition(!isSealed, "a chunk is immutable once it is handed out")
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: header.length))
    bytes.withUnsafeMutableBytes { all in
      let record = UnsafeMutableRawBufferPointer(rebasing: all[start..<start + header.length])
      fill(UnsafeMutableRawBufferPointer(rebasing: record[LogRecord.headerSize...]))
      header.seal(record)
    }
    return start..<start + header.length
  }

  /// Adds records received from a primary as they are.
  public func append(sealed record: UnsafeRawBufferPointer) -> Range<Int> {
    precondition(!isSealed, "a chunk is immutable once it is handed out")
    let start = bytes.count
    bytes.append(contentsOf: record)
    return start..<start + record.count
  }

  public func seal() { isSealed = true }

  public func withRecord<R>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }
}

/// One record of a partition's log, in memory.
public struct HeldRecord: Sendable {
  public var chunk: RecordChunk
  public var range: Range<Int>
  public var header: LogRecord

  public init(chunk: RecordChunk, range: Range<Int>, header: LogRecord) {
    self.chunk = chunk
    self.range = range
    self.header = header
  }
}
