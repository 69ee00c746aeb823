import DequeModule
import Wire

/// The entities' side of the exchange (X2, X3, X5): for each home partition, up to where it needs no reply any more, and
/// the replies kept above. A pure function of the entries applied (R14); no order of hashing is seen in it.
///
/// Bounded: a home's kept replies lie in a window of `ExchangeWindow.size` offsets above its watermark, of which a merge
/// brings in two for a moment.
public struct EntityLedger: Sendable {
  /// A reply, for as long as its contribution may come again.
  public struct Kept: Equatable, Sendable {
    public let offset: Offset
    public let slot: EntitySlot
    public let key: KeyHash
    /// An `Observation`'s.
    public let flags: UInt8
    /// The entity's features just behind the contribution. Those of one entry share their memory.
    public let values: ArraySlice<Double>
    /// Behind the entry that applied it: 0 where that had committed before this replica's state began.
    public let end: Offset

    public init(offset: Offset, slot: EntitySlot, key: KeyHash, flags: UInt8, values: ArraySlice<Double>, end: Offset) {
      self.offset = offset
      self.slot = slot
      self.key = key
      self.flags = flags
      self.values = values
      self.end = end
    }

    fileprivate func isBefore(_ offset: Offset, _ slot: EntitySlot) -> Bool {
      self.offset < offset || self.offset == offset && self.slot < slot
    }
  }

  /// Up to where a home has settled with one range of keys.
  struct Mark: Equatable, Sendable {
    var range: KeyRange
    var settled: Offset
  }

  struct Account: Equatable, Sendable {
    /// In order of range. They tile the partition's range, but for what a merge brought in from a parent to which the
    /// home was unknown.
    var marks: [Mark]
    /// The map by which it was admitted: an older one that lacks it says nothing.
    var admittedAt: MapVersion
    /// In order of (offset, slot).
    var kept = Deque<Kept>()
  }

  var accounts: [PartitionID: Account] = [:]
  /// The newest map by which a home was forgotten: an older one can't vouch for an unknown home (X5).
  public internal(set) var forgottenAt = MapVersion.none

  public init() {}

  /// What a contribution is to this state.
  public enum Verdict: Equatable, Sendable {
    case fresh
    /// Applied by the entry that ends here; the reply is kept.
    case kept(end: Offset)
    /// Applied, and settled.
    case stale
    /// Nothing is known of the home, as far as this key goes.
    case unknown
  }

  public func verdict(_ home: PartitionID, _ offset: Offset, _ slot: EntitySlot, _ key: KeyHash) -> Verdict {
    guard let account = accounts[home] else { return .unknown }
    guard let settled = account.settled(key) else { return .unknown }
    if offset < settled { return .stale }
    guard let place = account.place(offset, slot) else { return .fresh }
    return .kept(end: account.kept[place].end)
  }

  func kept(_ home: PartitionID, _ offset: Offset, _ slot: EntitySlot) -> Kept? {
    accounts[home].flatMap { account in account.place(offset, slot).map { account.kept[$0] } }
  }

  /// What is to be answered for a contribution by now; nil where nothing is known of it.
  func reply(_ home: PartitionID, _ offset: Offset, _ slot: EntitySlot, _ key: KeyHash) -> ContributionReplies.Reply.Status? {
    guard let account = accounts[home], let settled = account.settled(key) else { return nil }
    if offset < settled { return .stale }
    return account.place(offset, slot).map { .applied(flags: account.kept[$0].flags, values: account.kept[$0].values) }
  }

  /// Up to where the home has settled with all keys here; nil where it is unknown.
  public func settled(_ home: PartitionID) -> Offset? { accounts[home]?.marks.map(\.settled).min() }

  /// Replies kept of the home.
  public func keptCount(_ home: PartitionID) -> Int { accounts[home]?.kept.count ?? 0 }

  /// Ranges in which the home has a watermark of its own: more than one after a merge, until it settles with all.
  public func markCount(_ home: PartitionID) -> Int { accounts[home]?.marks.count ?? 0 }

  public var keptCount: Int { accounts.values.reduce(0) { $0 + $1.kept.count } }

  /// No home was ever known.
  public var isEmpty: Bool { accounts.isEmpty && forgottenAt == .none }

  /// In rising order.
  public var homes: [PartitionID] { accounts.keys.sorted() }

  /// Approximately.
  public var memoryBytes: Int {
    // With four values each.
    accounts.values.reduce(0) { $0 + 128 + $1.kept.count * (MemoryLayout<Kept>.stride + 32) }
  }

  // MARK: Entries

  /// Contributions of `home` have been logged and applied to their entities; `fresh` are their replies, in order of
  /// (offset, slot). `range` is this partition's. `map` admits the home where it is unknown.
  public mutating func apply(_ home: PartitionID, settled: Offset, map: MapVersion, range: KeyRange, fresh: [Kept]) {
    var account = accounts.removeValue(forKey: home) ?? Account(marks: [], admittedAt: map)
    if account.fillGaps(range) { account.admittedAt = max(account.admittedAt, map) }
    account.settle(settled)
    for reply in fresh { account.keep(reply) }
    accounts[home] = account
  }

  /// The homes stand in the map no more, and owe nothing (X5).
  public mutating func forget(_ homes: [PartitionID], map: MapVersion) {
    for home in homes { accounts[home] = nil }
    forgottenAt = max(forgottenAt, map)
  }

  /// Those that a map which lacks them lets forget: `map` is newer than the one that admitted them (X5).
  public func forgettable(absentFrom isPresent: (PartitionID) -> Bool, map: MapVersion) -> [PartitionID] {
    homes.filter { home in
      !isPresent(home) && (accounts[home]!.admittedAt < map || planted(.forgetByOldMap))
    }
  }

  /// Whether a home that is unknown may be taken in by this map (X5).
  public func admits(isPresent: Bool, map: MapVersion) -> Bool {
    map >= forgottenAt && isPresent || planted(.admitByOldMap)
  }

  /// A planted mistake: the reply has been sent, so it is thrown away.
  mutating func discard(_ home: PartitionID, _ offset: Offset, _ slot: EntitySlot) {
    guard let place = accounts[home]?.place(offset, slot) else { return }
    accounts[home]!.kept.remove(at: place)
  }
}

extension EntityLedger.Account {
  func settled(_ key: KeyHash) -> Offset? {
    if marks.count == 1, marks[0].range.contains(key) { return marks[0].settled }
    return marks.first { $0.range.contains(key) }?.settled
  }

  func place(_ offset: Offset, _ slot: EntitySlot) -> Int? {
    let place = lowerBound(offset, slot)
    guard place < kept.endIndex, kept[place].offset == offset, kept[place].slot == slot else { return nil }
    return place
  }

  private func lowerBound(_ offset: Offset, _ slot: EntitySlot) -> Int {
    var low = kept.startIndex
    var high = kept.endIndex
    while low < high {
      let middle = (low + high) / 2
      if kept[middle].isBefore(offset, slot) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  mutating func keep(_ reply: EntityLedger.Kept) {
    if kept.last.map({ $0.isBefore(reply.offset, reply.slot) }) ?? true {
      kept.append(reply)
      return
    }
    let place = lowerBound(reply.offset, reply.slot)
    guard kept[place].offset != reply.offset || kept[place].slot != reply.slot else {
      preconditionFailure("a contribution is applied once")  // X2
    }
    kept.insert(reply, at: place)
  }

  /// The home is known for all of `range` from here on. Answers whether it was not.
  mutating func fillGaps(_ range: KeyRange) -> Bool {
    if marks.count == 1, marks[0].range == range { return false }
    var filled: [EntityLedger.Mark] = []
    var next: UInt64? = range.first.rawValue
    for mark in marks {
      if let start = next, mark.range.first.rawValue > start {
        filled.append(.init(range: KeyRange(first: KeyHash(start), last: KeyHash(mark.range.first.rawValue - 1)), settled: .zero))
      }
      filled.append(mark)
      next = mark.range.last.rawValue == .max ? nil : mark.range.last.rawValue + 1
    }
    if let start = next, start <= range.last.rawValue {
      filled.append(.init(range: KeyRange(first: KeyHash(start), last: range.last), settled: .zero))
    }
    defer { marks = filled }
    return filled.count > marks.count
  }

  /// The home has settled with everything here up to `offset`: what is below is forgotten.
  mutating func settle(_ offset: Offset) {
    guard marks.contains(where: { $0.settled < offset }) else { return }
    for index in marks.indices { marks[index].settled = max(marks[index].settled, offset) }
    coalesce()
    forgetSettled()
  }

  /// Neighbours that have settled alike become one.
  mutating func coalesce() {
    guard marks.count > 1 else { return }
    var joined: [EntityLedger.Mark] = []
    for mark in marks {
      if let last = joined.last, last.settled == mark.settled, last.range.last.rawValue &+ 1 == mark.range.first.rawValue {
        joined[joined.count - 1].range = KeyRange(first: last.range.first, last: mark.range.last)
      } else {
        joined.append(mark)
      }
    }
    marks = joined
  }

  private mutating func forgetSettled() {
    if marks.count == 1 {
      kept.removeFirst(lowerBound(marks[0].settled, EntitySlot(.card)))
    } else {
      let all = self
      kept.removeAll { reply in all.settled(reply.key).map { reply.offset < $0 } ?? false }
    }
  }
}
