import Wire

@testable import Worker

/// A record of the partition's log. (epoch, base offset) names it in the whole cluster, so its other fields must not differ.
struct Entry: Equatable {
  var epoch: UInt8
  /// 0 is the epoch start; values are numbered from 1.
  var value: UInt8
  /// The commit offset in its header.
  var mark: UInt8

  /// A value takes two offsets, like a batch of two: offsets and records are not the same thing.
  var count: Int { value == 0 ? 1 : 2 }

  func header(base: Offset) -> LogRecord {
    LogRecord(
      partition: Fixed.partition, kind: value == 0 ? .epochStart : .decided, count: count, epoch: Epoch(UInt64(epoch)), baseOffset: base,
      loggedTime: 0, commitOffset: Offset(UInt64(mark)), length: LogRecord.headerSize)
  }

  var text: String { value == 0 ? "start(e\(epoch))" : "value\(value)(e\(epoch))" }
}

extension [Entry] {
  var end: Offset { Offset(UInt64(reduce(0) { $0 + $1.count })) }

  /// Records that lie wholly below `offset`.
  func prefix(below offset: Offset) -> [Entry] {
    var end = 0
    var kept = 0
    for entry in self {
      end += entry.count
      if end > Int(offset.rawValue) { break }
      kept += 1
    }
    return Array(self[..<kept])
  }

  /// Index of the record that begins at `offset`; nil where none does.
  func index(at offset: Offset) -> Int? {
    var base = 0
    for (index, entry) in enumerated() {
      if base == Int(offset.rawValue) { return index }
      base += entry.count
    }
    return base == Int(offset.rawValue) ? count : nil
  }

  var table: EpochTable {
    var table = EpochTable()
    for entry in self { table.append(epoch: Epoch(UInt64(entry.epoch)), base: table.end, count: entry.count) }
    return table
  }

  var text: String { map(\.text).joined(separator: " ") }
}

/// What is the same in every state.
enum Fixed {
  static let partition = PartitionID(1)
  static let minInSync = 2
  static let nodes = 3
  /// Every call of a core is made at this time; what depends on time is chosen by the search (`Node.tick`).
  static let now: Int64 = 1_000_000

  static func id(_ node: Int) -> NodeID { NodeID(UInt32(node + 1)) }
  static func index(_ id: NodeID) -> Int { Int(id.rawValue) - 1 }

  static func member(_ node: Int, disk: UInt64 = 1, incarnation: UInt64 = 1) -> Member {
    Member(node: id(node), storage: StorageID(high: disk, low: UInt64(node + 1)), incarnation: Incarnation(incarnation))
  }
}
