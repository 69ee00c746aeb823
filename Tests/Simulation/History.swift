import Wire

@testable import Worker

/// The committed history of one partition: what the first replica to commit an offset had there. Every other one must
/// have the same.
final class History {
  let id: PartitionID
  private(set) var entries: [LogMirror.Entry] = []
  private var places: [Offset: Int] = [:]
  /// Where the first entry is due.
  let start: Offset
  var end: Offset { entries.last?.header.endOffset ?? start }
  /// Digest of the state at an offset, by whoever was seen there first.
  var digests: [Offset: (digest: UInt64, parts: [(String, UInt64)], by: String)] = [:]

  init(_ id: PartitionID, start: Offset = .zero) {
    self.id = id
    self.start = start
  }

  /// Nothing was decided since the last seal, and it was not taken back (R12).
  var isSealed: Bool {
    let kinds: Set<LogRecord.Kind> = [.seal, .unsealed, .decided, .intake, .decidedLater, .contributions, .labels, .listItems]
    return entries.last { kinds.contains($0.header.kind) }?.header.kind == .seal
  }

  func append(_ entry: LogMirror.Entry) {
    places[entry.header.baseOffset] = entries.count
    entries.append(entry)
  }

  func index(at offset: Offset) -> Int? { places[offset] }

  /// The entry that covers `offset`.
  func entry(covering offset: Offset) -> LogMirror.Entry? {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].header.endOffset <= offset { low = middle + 1 } else { high = middle }
    }
    return low < entries.count && entries[low].header.baseOffset <= offset ? entries[low] : nil
  }
}
