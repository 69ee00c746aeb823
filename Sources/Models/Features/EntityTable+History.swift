import Wire

/// An entity's history as it is now, and what each feature's window holds of it: for people, not for decisions.
public struct EntityHistory: Sendable {
  public struct Event: Sendable, Equatable {
    public let time: Int64
    public let amount: Int64
    /// Of the fields that are kept: codes as people write them, tokens as the hashes that are kept of them.
    public let fields: [(name: String, value: String)]

    public static func == (a: Event, b: Event) -> Bool {
      a.time == b.time && a.amount == b.amount && a.fields.elementsEqual(b.fields) { $0 == $1 }
    }
  }

  /// One feature: of which events it is made.
  public struct Origin: Sendable, Equatable {
    /// In the set's order.
    public let feature: Int
    /// Events with time in `(after, until]` count, if they pass its filter.
    public let after: Int64
    public let until: Int64
    public let count: Int
    /// Places in `events`, newest first: those that are told.
    public let events: [Int]
    /// By these events; NaN for none, and for what needs a transaction of its own.
    public let value: Double
    /// Events of the window are no longer kept one by one.
    public let isPartial: Bool
  }

  /// Kept one by one.
  public let eventCount: Int
  public let oldestTime: Int64
  public let newestTime: Int64
  public let isTruncated: Bool
  /// Of its block and header.
  public let memoryBytes: Int
  /// Newest first, none later than the time that was asked for.
  public let events: [Event]
  /// Of the features with a window, in the set's order.
  public let origins: [Origin]
}

extension EntityTable {
  /// What is known of an entity at a time, that of its newest event unless told otherwise; nil without history. At most `limit` events are
  /// told one by one.
  public func history(of token: RawSpan, at asked: Int64? = nil, limit: Int = 100) -> EntityHistory? {
    guard let number = find(token, KeyHash(of: token, kind: plan.kind)) else { return nil }
    let header = slab.header(number)
    let layout = plans[header.pointee.planSlot]!
    var ring = Ring(header, layout)
    let isTruncated = trim(&ring)
    let time = asked ?? ring.time(ring.end - 1)
    let end = ring.firstIndex(after: time)
    let first = max(ring.start, end - limit)
    let size = layout.blockSize(capacity: ring.capacity, tokenLength: Int(header.pointee.tokenLength), isWide: ring.isWide)
    let summary =
      layout === plan ? summaries[number] : Self.summary(summaries[number], Ring(header, layout), laidOutBy: layout, under: plan)
    return EntityHistory(
      eventCount: ring.count, oldestTime: ring.time(ring.start), newestTime: ring.time(ring.end - 1), isTruncated: isTruncated,
      memoryBytes: Allocation.size(size) + MemoryLayout<EntityHeader>.stride + (summary?.memoryBytes ?? 0),
      events: (first..<end).reversed().map { event(ring, layout, $0) },
      origins: plan.features.features.indices.compactMap { feature in
        origin(feature, ring, layout, at: time, told: first..<end, isTruncated: isTruncated, summary)
      })
  }

  private func event(_ ring: Ring, _ layout: FeaturePlan, _ index: Int) -> EntityHistory.Event {
    var fields: [(name: String, value: String)] = []
    for column in plan.columns {
      let stored = Self.value(ring, layout, column.field, index)
      if stored != 0 { fields.append((column.field.name, column.field.text(stored))) }
    }
    return EntityHistory.Event(time: ring.time(index), amount: ring.amount(index), fields: fields)
  }

  private func origin(
    _ feature: Int, _ ring: Ring, _ layout: FeaturePlan, at time: Int64, told: Range<Int>, isTruncated: Bool, _ summary: EntitySummary?
  ) -> EntityHistory.Origin? {
    let window: Window
    let filter: EventFilter?
    switch plan.features.features[feature].aggregate {
    case .statistic(_, let known, let condition), .distinct(_, let known, let condition): (window, filter) = (known, condition)
    case .isNew(_, let known): (window, filter) = (known, nil)
    default: return nil
    }
    let (after, until) = (time - window.reach, time - window.lag)
    let range = ring.firstIndex(after: after)..<max(ring.firstIndex(after: after), ring.firstIndex(after: until))
    let members = range.filter { index in
      filter.map { $0.passes(amount: ring.amount(index)) { Self.value(ring, layout, $0, index) } } ?? true
    }
    let coarse = plan.coarse?.steps.first { $0.step.output == feature }
    let isPartial = isTruncated && ring.time(ring.start) > after
    return EntityHistory.Origin(
      feature: feature, after: after, until: until, count: members.count,
      events: members.reversed().filter(told.contains).map { told.upperBound - 1 - $0 },
      value: value(feature, members, ring, layout, at: time, isPartial ? coarse : nil, summary), isPartial: isPartial)
  }

  private func value(
    _ feature: Int, _ members: [Int], _ ring: Ring, _ layout: FeaturePlan, at time: Int64, _ coarse: CoarsePlan.Step?,
    _ summary: EntitySummary?
  ) -> Double {
    switch plan.features.features[feature].aggregate {
    case .distinct(let field, _, _):
      if let coarse, let summary, coarse.needs(summary, at: time) {
        return summary.sketches[coarse.part].estimate(after: coarse.left(time), with: 0)
      }
      return Double(Set(members.map { Self.value(ring, layout, field, $0) }).subtracting([0]).count)
    case .statistic(.zscore, _, _), .isNew: return .nan
    case .statistic(let statistic, _, _):
      var totals = BucketRun.Totals()
      for index in members { totals.add(ring.amount(index)) }
      if let coarse, let summary, coarse.needs(summary, at: time) {
        totals.add(coarse.dropped(summary, at: time, withExtremes: true))
      }
      switch statistic {
      case .count: return Double(totals.count)
      case .sum: return Double(totals.sum)
      case .mean: return Statistics.value(.mean, count: totals.count, sum: totals.sum, squares: totals.squares, amount: 0)
      case .min: return totals.count == 0 ? .nan : Double(totals.min)
      case .max: return totals.count == 0 ? .nan : Double(totals.max)
      case .stddev, .zscore: return Statistics.value(.stddev, count: totals.count, sum: totals.sum, squares: totals.squares, amount: 0)
      }
    default: return .nan
    }
  }
}

extension EventFilter {
  func passes(amount: Int64, _ value: (EventField) -> UInt64) -> Bool {
    amount > amountAbove && amount < amountBelow
      && conditions.allSatisfy { condition in UInt16(exactly: value(condition.field)).map { condition.values.contains($0) } ?? false }
  }
}

extension EventField {
  /// A stored value for people.
  func text(_ stored: UInt64) -> String {
    switch self {
    case .country, .ipCountry: Country(code: UInt16(truncatingIfNeeded: stored)).description
    case .mcc: String(stored - 1)
    case .currency: Currency(numeric: UInt16(truncatingIfNeeded: stored)).description
    case .channel: Channel(rawValue: UInt8(truncatingIfNeeded: stored))?.name ?? "\(stored)"
    case .entryMode: EntryMode(rawValue: UInt8(truncatingIfNeeded: stored))?.name ?? "\(stored)"
    case .labelVersion: "\(stored)"
    case .label: Label.Finding(rawValue: UInt8(truncatingIfNeeded: stored))?.name ?? "\(stored)"
    case .merchant, .terminal, .device, .ip, .card, .customer, .transaction: "#\(String(stored, radix: 16))"
    case .location, .ipLocation:
      "\(Double(Int64((stored - 1) >> 32) - 900_000_000) / 1e7) \(Double(Int64((stored - 1) & 0xFFFF_FFFF) - 1_800_000_000) / 1e7)"
    }
  }
}
