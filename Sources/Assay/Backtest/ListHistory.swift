import Foundation
import Models
import Wire

/// One edit of a list's hot items as a line of JSON: what `assay list show --json` writes and `assay backtest --list-items` reads.
struct ListEditLine: Codable {
  var version: UInt64
  var list: String
  var item: String
  /// `add`, `remove` or `drop`.
  var operation: String
  /// Left out of one that stays.
  var until: String?
  /// When it was asked for.
  var time: String
  var requester: String?
  var reason: String?

  private static let operations: [(ListItem.Operation, String)] = [(.add, "add"), (.remove, "remove"), (.drop, "drop")]

  init(_ record: ListItemRecord) {
    let item = record.item
    version = item.version
    list = item.list
    self.item = item.item
    operation = Self.operations.first { $0.0 == item.operation }!.1
    until = item.until == ListItem.never ? nil : Timestamp.text(item.until)
    time = Timestamp.text(record.time)
    requester = record.requester
    reason = record.reason
  }

  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  /// The edit, and when it was made; nil where it is none.
  var edit: (item: ListItem, time: Int64)? {
    guard version > 0, !list.isEmpty, !item.isEmpty, let operation = Self.operations.first(where: { $0.1 == operation })?.0,
      let time = try? Timestamp.parse(Array(time.utf8).span.bytes)
    else { return nil }
    var until = ListItem.never
    if let text = self.until {
      guard let time = try? Timestamp.parse(Array(text.utf8).span.bytes) else { return nil }
      until = time
    }
    return (ListItem(version: version, list: list, item: item, operation: operation, until: until), time)
  }
}

/// The edits that hot items of lists have had, and under which of them each transaction was decided: by the version that its decision
/// named where there are decisions, else by the edits' times.
final class ListHistory: Sendable {
  /// By rising version.
  private let items: [ListItem]
  /// When each of them, or a later one, was made at the earliest.
  private let times: [Int64]
  private let named: [Fingerprint: UInt64]

  struct Fingerprint: Hashable {
    var id: UInt64
    var card: UInt64
  }

  private struct Decided: Decodable {
    var transaction_id: String
    var card: String
    var list_version: UInt64?
  }

  /// `items` and `decisions` are paths of files of JSON lines.
  init(items: String, decisions: String?) throws {
    let decoder = JSONDecoder()
    var edits: [(item: ListItem, time: Int64)] = []
    try Self.forEachLine(of: items) { line, number in
      guard let edit = try? decoder.decode(ListEditLine.self, from: line).edit else {
        throw OneLine(
          "\(items):\(number) is no edit of a list: one has version, list, item, operation and time, as 'assay list show --json' "
            + "writes them"
        )
      }
      edits.append(edit)
    }
    edits.sort { $0.item.version < $1.item.version }
    self.items = edits.map(\.item)
    if let twice = zip(self.items, self.items.dropFirst()).first(where: { $0.version == $1.version && $0 != $1 }) {
      throw OneLine("\(items): version \(twice.0.version) stands for two edits")
    }
    var times = edits.map(\.time)
    for place in times.indices.dropLast().reversed() { times[place] = min(times[place], times[place + 1]) }
    self.times = times
    var named: [Fingerprint: UInt64] = [:]
    if let decisions {
      try Self.forEachLine(of: decisions) { line, number in
        guard let decided = try? decoder.decode(Decided.self, from: line) else { throw OneLine("\(decisions):\(number) is no decision") }
        let key = Self.key(id: Array(decided.transaction_id.utf8).span.bytes, card: Array(decided.card.utf8).span.bytes)
        named[key] = decided.list_version ?? 0
      }
    }
    self.named = named
  }

  private static func forEachLine(of path: String, _ body: (Data, Int) throws -> Void) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw OneLine("can't read \(path): \(String(cString: strerror(errno)))")
    }
    for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() where !line.isEmpty {
      try body(line, index + 1)
    }
  }

  private static func key(id: RawSpan, card: RawSpan) -> Fingerprint {
    Fingerprint(id: hash64(id, seed: 0), card: hash64(card, seed: 0))
  }

  var count: Int { items.count }
  var newest: UInt64 { items.last?.version ?? 0 }

  /// The version that the transaction was decided under; one that no decision names, by its event time.
  func version(of view: TransactionView) -> UInt64 {
    if !named.isEmpty, let version = named[Self.key(id: view.id, card: view.card)] { return version }
    var (low, high) = (0, times.count)
    while low < high {
      let middle = (low + high) / 2
      if times[middle] <= view.eventTime { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? 0 : items[low - 1].version
  }

  /// The hot items as they were at a version.
  func lists(at version: UInt64) -> HotLists {
    let lists = HotLists()
    lists.apply(Array(items[..<items.firstIndex(above: version)]), version: version, replacing: false)
    return lists
  }
}
