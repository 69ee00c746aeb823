import Wire

/// A piece of a file: its rows as records, and what became of each. Made by the reader, then only touched on the event
/// loop; in memory until all of its rows and of those before have an outcome.
final class SubmitChunk: @unchecked Sendable {
  struct Item {
    /// Of the record in `records`; of an unreadable line, its index in `unreadable`.
    var start: UInt32
    /// 0 for an unreadable line.
    var length: UInt16
    /// The line's number in the file, from 1.
    var line: Int
    /// Where in the file the next line begins.
    var end: Int64

    var isUnreadable: Bool { length == 0 }
  }

  enum Outcome: UInt8 {
    case open, decided, alreadyDecided, rejected, quarantined, failed
  }

  struct Answer {
    var outcome = Outcome.open
    var reason = RejectReason.malformed
    var bundle: UInt8 = 0
    var featureCount: UInt16 = 0
    var featureStart: UInt32 = 0
    var partition = PartitionID(0)
    var offset = Offset.zero
    var decision = Decision(score: 0, action: .approve, verdict: .clear, flags: [], reasons: Decision.noReasons)
    var listVersion: UInt64 = 0
    /// Wall clock, ms.
    var time: Int64 = 0
    var tables: DecisionsTables?
  }

  struct Unreadable {
    var rejection: Rejection
    var excerpt: [UInt8]
  }

  fileprivate(set) var number: UInt64 = 0
  private(set) var records: [UInt8] = []
  private(set) var items: [Item] = []
  private(set) var unreadable: [Unreadable] = []
  private(set) var answers: [Answer] = []
  private(set) var features: [Double] = []
  /// Keys or columns that no field has, with the number of its rows in which they stand; "" for those not to be named.
  var unknown: [String: Int] = [:]
  /// The file ends behind it.
  var isLast = false
  /// No row of it was sent before, ms; nil while none was sent at all.
  var firstSent: Int64?

  /// An item's place is 20 bits of its tag.
  static let itemsMax = 1 << 20

  func add(_ builder: borrowing TransactionBuilder, label: Label? = nil, line: Int, end: Int64) {
    let start = records.count
    builder.append(to: &records)
    label?.append(to: &records)
    items.append(Item(start: UInt32(start), length: UInt16(records.count - start), line: line, end: end))
  }

  func add(_ line: Unreadable, number: Int, end: Int64) {
    items.append(Item(start: UInt32(unreadable.count), length: 0, line: number, end: end))
    unreadable.append(line)
  }

  /// Reading is over.
  func seal() { answers = [Answer](repeating: Answer(), count: items.count) }

  func tag(_ index: Int) -> UInt64 { number << 20 | UInt64(index) }

  func withRecord<R>(_ index: Int, _ body: (RawSpan) -> R) -> R {
    let item = items[index]
    let all = records
    return body(all.span.bytes.extracting(Int(item.start)..<Int(item.start) + Int(item.length)))
  }

  func answer(_ index: Int, _ body: (inout Answer) -> Void) { body(&answers[index]) }

  /// Keeps a row's features, raw little-endian doubles.
  func keepFeatures(_ raw: RawSpan, of index: Int) {
    guard raw.byteCount > 0 else { return }
    answers[index].featureStart = UInt32(features.count)
    answers[index].featureCount = UInt16(raw.byteCount / 8)
    for at in stride(from: 0, to: raw.byteCount, by: 8) {
      features.append(Double(bitPattern: UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self))))
    }
  }
}

/// The chunks in memory, in the order of the file, and how far from their beginning every row has an outcome.
struct ChunkWindow {
  private var chunks: [SubmitChunk] = []
  private var next: UInt64 = 0
  /// In the first chunk: items before it have an outcome that has been told.
  private var cursor = 0

  var count: Int { chunks.count }
  var first: SubmitChunk? { chunks.first }
  subscript(index: Int) -> SubmitChunk { chunks[index] }

  mutating func append(_ chunk: SubmitChunk) {
    chunk.number = next
    next += 1
    chunks.append(chunk)
  }

  /// The chunk and item of a tag that is in memory.
  func locate(_ tag: UInt64) -> (chunk: SubmitChunk, index: Int) {
    (chunks[Int(tag >> 20 - chunks[0].number)], Int(tag & UInt64(SubmitChunk.itemsMax - 1)))
  }

  /// Tells each item, in order, that has an outcome and only such before it; stops at one that failed. Drops chunks that
  /// are through, and returns how many.
  mutating func advance(_ body: (SubmitChunk, Int) -> Void) -> Int {
    var dropped = 0
    while dropped < chunks.count {
      let chunk = chunks[dropped]
      while cursor < chunk.items.count {
        let outcome = chunk.answers[cursor].outcome
        guard outcome != .open, outcome != .failed else { break }
        body(chunk, cursor)
        cursor += 1
      }
      guard cursor == chunk.items.count else { break }
      dropped += 1
      cursor = 0
    }
    chunks.removeFirst(dropped)
    return dropped
  }
}
