import DequeModule

/// Bulk batches that wait for their turn at one loop, in the order of their arrival, within bounds.
public struct BulkQueue<Batch> {
  public struct Entry {
    public var batch: Batch
    public var rows: Int
    public var bytes: Int
  }

  public static var rowsMax: Int { 65_536 }
  public static var bytesMax: Int { 16 << 20 }

  private var entries: Deque<Entry> = []
  public private(set) var rows = 0
  public private(set) var bytes = 0

  public init() {}

  public var isEmpty: Bool { entries.isEmpty }
  public var first: Entry? { entries.first }

  /// False, and nothing is kept, where that would pass a bound.
  public mutating func add(_ batch: Batch, rows: Int, bytes: Int) -> Bool {
    guard self.rows + rows <= Self.rowsMax, self.bytes + bytes <= Self.bytesMax else { return false }
    entries.append(Entry(batch: batch, rows: rows, bytes: bytes))
    self.rows += rows
    self.bytes += bytes
    return true
  }

  public mutating func removeFirst() -> Batch {
    let entry = entries.removeFirst()
    rows -= entry.rows
    bytes -= entry.bytes
    return entry.batch
  }
}
