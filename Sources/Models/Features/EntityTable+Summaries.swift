import Wire

/// Hot entities: those whose rings have dropped events that windows still reach.
extension EntityTable {
  /// An event leaves the ring's front, which is laid out by the current plan and has it still.
  mutating func summarizeOldest(_ number: Int, _ ring: Ring, _ plan: FeaturePlan) {
    guard plan.coarse != nil else { return }
    beginSummary(number, ring, plan)
    let newest = max(event.time, ring.time(ring.end - 1))
    summaries[number]!.drop(plan, time: ring.time(ring.start), amount: ring.amount(ring.start), newest: newest) {
      Self.value(ring, plan, $0, ring.start)
    }
  }

  /// The event at hand is older than all that a full ring keeps: it is counted, and not kept.
  mutating func summarizeEvent(_ number: Int, _ ring: Ring, _ plan: FeaturePlan) {
    guard plan.coarse != nil else { return }
    beginSummary(number, ring, plan)
    let (values, newest) = (event.values, ring.time(ring.end - 1))
    summaries[number]!.drop(plan, time: event.time, amount: event.amount, newest: newest) { values[Int($0.rawValue)] }
  }

  /// The event at hand counts among the different values.
  mutating func seeEvent(_ number: Int, newest: Int64, _ plan: FeaturePlan) {
    let values = event.values
    summaries[number]?.see(plan, time: event.time, amount: event.amount, newest: newest) { values[Int($0.rawValue)] }
  }

  /// All that the ring keeps is in a summary's sketches from the beginning.
  private mutating func beginSummary(_ number: Int, _ ring: Ring, _ plan: FeaturePlan) {
    guard summaries[number] == nil else { return }
    summaries[number] = Self.newSummary(ring, laidOutBy: plan, plan, isTruncated: ring.header.pointee.isTruncated)
  }

  static func newSummary(_ ring: Ring, laidOutBy layout: FeaturePlan, _ plan: FeaturePlan, isTruncated: Bool) -> EntitySummary {
    var summary = EntitySummary(plan.coarse!, missingUntil: isTruncated ? ring.time(ring.start) : .min)
    let newest = ring.time(ring.end - 1)
    for index in ring.start..<ring.end {
      summary.see(plan, time: ring.time(index), amount: ring.amount(index), newest: newest) { value(ring, layout, $0, index) }
    }
    return summary
  }

  /// The summary of an entity when it is laid out by another plan, which may keep fewer events: those that fall out then are counted.
  /// `ring` is laid out by `layout` and not narrowed yet.
  static func summary(_ known: EntitySummary?, _ ring: Ring, laidOutBy layout: FeaturePlan, under plan: FeaturePlan) -> EntitySummary? {
    guard let coarse = plan.coarse else { return nil }
    var ring = ring
    let newest = ring.time(ring.end - 1)
    let hasEvicted = ring.evict(newest: newest, plan)
    let excess = ring.count - plan.eventsMax
    let isTruncated = ring.header.pointee.isTruncated && !hasEvicted
    guard isTruncated || excess > 0 else { return nil }
    var summary: EntitySummary
    if isTruncated, let known, let old = layout.coarse {
      let moved = known.moved(from: old, to: coarse)
      summary = moved.summary
      // Sketches that are new begin with what is kept.
      if !moved.isWhole {
        for index in ring.start..<ring.end {
          summary.see(plan, time: ring.time(index), amount: ring.amount(index), newest: newest) { value(ring, layout, $0, index) }
        }
      }
    } else {
      summary = newSummary(ring, laidOutBy: layout, plan, isTruncated: isTruncated)
    }
    for index in ring.start..<ring.start + max(0, excess) {
      summary.drop(plan, time: ring.time(index), amount: ring.amount(index), newest: newest) { value(ring, layout, $0, index) }
    }
    return summary
  }

  // MARK: Values

  /// Adds to the features with a resolution what the ring no longer has. The transaction is in the ring.
  func coarseSteps(_ number: Int, _ ring: Ring, _ plan: FeaturePlan, _ out: UnsafeMutablePointer<Double>) {
    guard let coarse = plan.coarse, let summary = summaries[number] else { return }
    for coarse in coarse.steps {
      let step = coarse.step
      guard coarse.needs(summary, at: event.time) else { continue }
      if step.code == .distinct {
        out[step.output] = summary.sketches[coarse.part].estimate(after: coarse.left(event.time), with: 0)
        continue
      }
      let edge = plan.edges[step.edge]
      var totals = BucketRun.Totals()
      totals.count = Int64(step.countOffset < 0 ? ring.right(edge) - ring.left(edge) : ring.small(step.countOffset))
      if step.sumOffset >= 0 { totals.sum = Int128(ring.sum(step.sumOffset)) }
      if step.squaresOffset >= 0 { totals.squares = ring.squares(step.squaresOffset) }
      coarse.value(totals, summary, event, extreme: out[step.output], into: out)
    }
  }

  /// The same for a transaction that is older than the newest event, and not in the ring.
  func coarseStepsOutOfOrder(_ number: Int, _ ring: Ring, position: Int, _ plan: FeaturePlan, _ out: UnsafeMutablePointer<Double>) {
    guard let coarse = plan.coarse, let summary = summaries[number] else { return }
    for coarse in coarse.steps {
      let step = coarse.step
      guard coarse.needs(summary, at: event.time) else { continue }
      let countsItself = coarse.lag == 0 && (step.filter < 0 || scratch.matches[step.filter])
      if step.code == .distinct {
        let own = countsItself ? event[step.field] : 0
        out[step.output] = summary.sketches[coarse.part].estimate(after: coarse.left(event.time), with: own)
        continue
      }
      let left = ring.firstIndex(after: event.time - coarse.reach)
      let right = coarse.lag == 0 ? position : ring.firstIndex(after: event.time - coarse.lag)
      var totals = BucketRun.Totals()
      for index in left..<max(left, right) where step.filter < 0 || ring.bitmap(plan.filters[step.filter].bitmap)[index] {
        totals.add(ring.amount(index))
      }
      if countsItself { totals.add(event.amount) }
      coarse.value(totals, summary, event, extreme: out[step.output], into: out)
    }
  }
}

extension CoarsePlan.Step {
  /// The stretch in which the window begins: those behind it count.
  func left(_ time: Int64) -> Int64 { BucketRun.number(time - reach, resolution) }

  /// Whether an event that was dropped may be one of the window's.
  func needs(_ summary: EntitySummary, at time: Int64) -> Bool {
    summary.droppedUntil > .min && BucketRun.number(summary.droppedUntil, resolution) > left(time)
  }

  /// What the window has of events that were dropped.
  func dropped(_ summary: EntitySummary, at time: Int64, withExtremes: Bool) -> BucketRun.Totals {
    summary.runs[part].totals(after: left(time), upTo: BucketRun.number(time - lag, resolution), withExtremes: withExtremes)
  }

  /// From what the ring has and what the summary has. `extreme` is the ring's, NaN for none.
  func value(
    _ ring: BucketRun.Totals, _ summary: EntitySummary, _ event: borrowing IncomingEvent, extreme: Double,
    into out: UnsafeMutablePointer<Double>
  ) {
    let isExtreme = step.code == .min || step.code == .max
    let more = dropped(summary, at: event.time, withExtremes: isExtreme)
    if isExtreme {
      guard more.count > 0 else { return }
      // Amounts are at most 10^15: exact as doubles.
      let dropped = Double(step.code == .min ? more.min : more.max)
      out[step.output] = extreme.isNaN ? dropped : step.code == .min ? Swift.min(extreme, dropped) : Swift.max(extreme, dropped)
      return
    }
    out[step.output] = Statistics.value(
      step.code, count: ring.count + more.count, sum: ring.sum &+ more.sum, squares: ring.squares &+ more.squares, amount: event.amount)
  }
}

extension Statistics {
  /// The same over totals that may be larger than a ring's.
  static func value(_ code: FeaturePlan.Code, count: Int64, sum: Int128, squares: UInt128, amount: Int64) -> Double {
    func deviation() -> Double {
      guard count >= 2 else { return .nan }
      let (first, overflow) = UInt128(count).multipliedReportingOverflow(by: squares)
      let (second, overflowToo) = sum.magnitude.multipliedReportingOverflow(by: sum.magnitude)
      let n = Double(count)
      // Exact in whole numbers as far as 128 bits go; beyond, rounded as doubles are.
      let numerator = overflow || overflowToo ? max(0, n * Double(squares) - Double(sum) * Double(sum)) : Double(first &- second)
      return (numerator / (n * (n - 1))).squareRoot()
    }
    switch code {
    case .count: return Double(count)
    case .sum: return Double(sum)
    case .mean: return count == 0 ? .nan : Double(sum) / Double(count)
    case .stddev: return deviation()
    case .zscore:
      let deviation = deviation()
      return deviation > 0 ? (Double(amount) - Double(sum) / Double(count)) / deviation : .nan
    default: preconditionFailure("not a statistic of totals")
    }
  }
}
