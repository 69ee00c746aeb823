import Wire

/// The shape of one partition's log: which epoch wrote which offsets. (epoch, offset) names one entry in the whole
/// cluster, so two logs agree exactly as far as their tables do (R8).
public struct EpochTable: Equatable, Sendable {
  /// Ascending in both; `end` is exclusive. Empty for an empty log.
  public private(set) var spans: [Appended.EpochEnd] = []

  public init() {}

  public var end: Offset { spans.last?.end ?? .zero }
  public var lastEpoch: Epoch { spans.last?.epoch ?? .none }

  /// Adds a record behind the last; epochs never fall within a log.
  public mutating func append(epoch: Epoch, base: Offset, count: Int) {
    precondition(base == end, "a log has no gaps: record at \(base), log ends at \(end)")
    precondition(epoch >= lastEpoch, "epochs never fall within a log")
    if epoch == lastEpoch, !spans.isEmpty {
      spans[spans.count - 1].end = base + count
    } else {
      spans.append(.init(epoch: epoch, end: base + count))
    }
  }

  /// Epoch of the entry at `offset`; nil beyond the end.
  public func epoch(at offset: Offset) -> Epoch? {
    guard offset < end else { return nil }
    // New entries are asked for most.
    var index = spans.count - 1
    while index > 0, spans[index - 1].end > offset { index -= 1 }
    return spans[index].epoch
  }

  /// Epoch of the entry just before `offset`, `Epoch.none` for the log's start; nil beyond the end.
  public func epoch(before offset: Offset) -> Epoch? {
    if offset == .zero { return Epoch.none }
    return epoch(at: Offset(offset.rawValue - 1))
  }

  public mutating func truncate(to offset: Offset) {
    while let last = spans.last, last.end > offset {
      let start = spans.count > 1 ? spans[spans.count - 2].end : .zero
      if start >= offset { spans.removeLast() } else { spans[spans.count - 1].end = offset }
    }
  }

  /// Greatest offset up to which both logs hold the same entries: the newest epoch that both have, up to the lesser of
  /// its ends.
  public func commonEnd(with other: [Appended.EpochEnd]) -> Offset {
    for mine in spans.reversed() {
      if let theirs = other.last(where: { $0.epoch == mine.epoch }) { return min(mine.end, theirs.end) }
    }
    return .zero
  }
}
