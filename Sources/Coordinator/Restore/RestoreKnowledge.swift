import Wire

/// What the workers have told after a restore of the store (R2). In memory: a coordinator that starts anew asks again.
struct RestoreKnowledge: Sendable {
  /// Where a copy's log ends.
  struct LogEnd: Comparable, Sendable {
    var epoch: Epoch
    var offset: Offset
    static func < (a: Self, b: Self) -> Bool { (a.epoch, a.offset) < (b.epoch, b.offset) }
  }

  /// Of whom everything is known that they have, and as which process they told it.
  private(set) var heard: [NodeID: (member: Member, intactSince: Incarnation)] = [:]
  /// The newest of each partition, of those that anybody has told of.
  private(set) var records: [PartitionID: PartitionRecord] = [:]
  private(set) var highestEpochs: [PartitionID: Epoch] = [:]
  private(set) var logs: [PartitionID: [NodeID: LogEnd]] = [:]
  /// Successors that have been made, by those who have them.
  private(set) var births: [PartitionID: (succession: Succession, members: [Member])] = [:]
  private(set) var newestMap = MapVersion.none

  mutating func take(_ report: RecordsReport) {
    let node = report.member.node
    heard[node] = (report.member, report.intactSince)
    newestMap = max(newestMap, report.map)
    for copy in report.copies {
      let id = copy.partition
      highestEpochs[id] = max(highestEpochs[id] ?? .none, copy.highestEpoch)
      if let record = copy.record, record.version > records[id]?.version ?? RecordVersion(0) { records[id] = record }
      if copy.logEnd > .zero { logs[id, default: [:]][node] = LogEnd(epoch: copy.logEpoch, offset: copy.logEnd) }
      guard let birth = copy.birth else { continue }
      var known = births[id] ?? (birth, [])
      known.members.removeAll { $0.node == node }
      known.members = (known.members + [report.member]).sorted { $0.node < $1.node }
      births[id] = known
    }
  }

  /// Another process speaks for it now, and has to tell for itself. What is known stays known.
  mutating func forget(_ node: NodeID) { heard[node] = nil }

  /// Somebody has been given up: what the others have is asked for once more, now that nothing more can come from there.
  mutating func askAgain() {
    heard = [:]
    logs = [:]
  }

  /// Restores that the workers have seen traces of: a backup may be older than a former restore.
  var restoresSeen: UInt32 {
    let epochs = records.values.map(\.epoch) + Array(highestEpochs.values)
    let highest = epochs.map { UInt32($0.rawValue >> 32) }.max() ?? 0
    return max(highest, UInt32(clamping: newestMap.rawValue >> 40))
  }

  /// The highest id that any worker has met.
  var lastPartition: PartitionID {
    (Array(records.keys) + Array(highestEpochs.keys) + births.values.flatMap { $0.succession.children.map(\.id) }).max() ?? PartitionID(0)
  }

  // MARK: The partitions

  enum Resolution {
    case partitions([PartitionRecord])
    /// Of some keys nobody has told.
    case gap(KeyRange)
  }

  /// The partitions that are: of all that the store and the workers know, those with the highest ids that don't overlap. A record
  /// exists only where its partition has taken the place of others for good, and whatever takes a place has a higher id.
  func resolve(_ stored: [PartitionRecord]) -> Resolution {
    var newest = records
    for record in stored where record.version > newest[record.id]?.version ?? RecordVersion(0) { newest[record.id] = record }
    if newest.isEmpty { return .partitions([]) }
    var taken: [PartitionRecord] = []
    for id in newest.keys.sorted(by: >) where !taken.contains(where: { $0.range.overlaps(newest[id]!.range) }) {
      taken.append(newest[id]!)
    }
    // A successor that was committed together with one of these, and whose own record has come to nobody: it has not been led yet, and
    // all its copies are as they were made.
    for id in births.keys.sorted(by: >) where newest[id] == nil {
      guard wasCommitted(births[id]!.succession, newest), let record = unled(id),
        !taken.contains(where: { $0.range.overlaps(record.range) })
      else { continue }
      taken.append(record)
    }
    taken.sort { $0.range.first < $1.range.first }
    if let gap = Self.gap(taken) { return .gap(gap) }
    return .partitions(taken)
  }

  private func unled(_ id: PartitionID) -> PartitionRecord? {
    guard let (succession, members) = births[id], let child = succession.children.first(where: { $0.id == id }) else { return nil }
    return PartitionRecord(
      id: id, range: child.range, epoch: succession.epoch, version: RecordVersion(1), primary: nil, isr: members,
      replicas: members.map(\.node))
  }

  private func wasCommitted(_ succession: Succession, _ newest: [PartitionID: PartitionRecord]) -> Bool {
    succession.children.contains { newest[$0.id] != nil }
  }

  private static func gap(_ sorted: [PartitionRecord]) -> KeyRange? {
    var next: UInt64 = 0
    for record in sorted {
      if record.range.first.rawValue > next {
        return KeyRange(first: KeyHash(next), last: KeyHash(record.range.first.rawValue - 1))
      }
      if record.range.last.rawValue == .max { return nil }
      next = record.range.last.rawValue + 1
    }
    return KeyRange(first: KeyHash(next), last: KeyHash(.max))
  }
}

extension KeyRange {
  fileprivate func overlaps(_ other: KeyRange) -> Bool { first <= other.last && other.first <= last }
}
