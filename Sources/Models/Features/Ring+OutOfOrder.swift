/// Features of a transaction older than its ring's newest event, at its own time.
///
/// The running state stands at the newest time. A window that ends earlier differs from it by the few events that are later
/// than the transaction and the few that its left end still reaches: these are taken out and put in, and what a track's bits
/// can't tell is looked up. Where that would be more than the window itself, the window is scanned. Events in the ring after
/// `position` are later than the transaction and don't count; the transaction itself isn't in the ring.
extension Ring {
  /// One window as the transaction sees it, and as the running state has it.
  private struct PastWindow {
    let left: Int
    let right: Int
    let runningLeft: Int
    let runningRight: Int
    /// The transaction is its newest event.
    let hasItself: Bool

    var range: Range<Int> { left..<right }
    /// In the transaction's window, and not in the running one.
    var before: Range<Int> { left..<runningLeft }
    /// In the running window, and later than the transaction.
    var later: Range<Int> { right..<runningRight }
    /// Events that make the difference to the running state.
    var difference: Int { runningLeft - left + (runningRight - right) }
    /// Whether to go by the difference: the windows overlap, and it is the shorter way.
    var isNear: Bool { right >= runningLeft && difference < right - left }
  }

  func stepsOutOfOrder(
    _ event: borrowing IncomingEvent, position: Int, _ plan: FeaturePlan, _ matches: UnsafeMutablePointer<Bool>,
    _ seen: inout ValueSet, _ out: UnsafeMutablePointer<Double>
  ) {
    for step in plan.previousSteps {
      var index = position - 1
      if step.filter >= 0 {
        index = bitmap(plan.filters[step.filter].bitmap).previous(before: position, atLeast: start)
      }
      out[step.output] = previousValue(step, event, index, plan)
    }
    var known = KnownSums()
    for edge in plan.edges {
      let lag = plan.lags[edge.lag].lag
      let left = firstIndex(after: event.time - edge.reach)
      let right = lag == 0 ? position : firstIndex(after: event.time - lag)
      let window = PastWindow(
        left: left, right: max(left, right), runningLeft: self.left(edge), runningRight: self.right(edge), hasItself: lag == 0)
      for step in plan.windowSteps[edge.steps] { out[step.output] = pastValue(step, event, window, plan, matches, &seen, &known) }
    }
  }

  private func pastValue(
    _ step: FeaturePlan.Step, _ event: borrowing IncomingEvent, _ window: PastWindow, _ plan: FeaturePlan,
    _ matches: UnsafeMutablePointer<Bool>, _ seen: inout ValueSet, _ known: inout KnownSums
  ) -> Double {
    let countsItself = window.hasItself && (step.filter < 0 || matches[step.filter])
    switch step.code {
    case .max, .min: return extreme(step, event, window, countsItself, plan)
    case .distinct: return distinct(step, event, window, countsItself, plan, &seen)
    case .isNew:
      let own = event[step.field]
      if own == 0 { return .nan }
      let column = plan.columns[plan.columnOfField[Int(step.field.rawValue)]]
      return lastIndex(of: own, column, low: window.left, before: window.right) < 0 ? 1 : 0
    case .fraudShare: return share(step, window, plan, matches)
    default: return statistic(step, event, window, countsItself, plan, &known)
    }
  }

  /// The transaction itself has no label yet: it counts in the whole alone.
  private func share(
    _ step: FeaturePlan.Step, _ window: PastWindow, _ plan: FeaturePlan, _ matches: UnsafeMutablePointer<Bool>
  ) -> Double {
    let frauds = bitmap(plan.filters[step.filter].bitmap).count(from: window.left, to: window.right)
    guard step.wholeFilter >= 0 else { return Statistics.share(frauds, of: window.range.count + (window.hasItself ? 1 : 0)) }
    let whole = bitmap(plan.filters[step.wholeFilter].bitmap).count(from: window.left, to: window.right)
    return Statistics.share(frauds, of: whole + (window.hasItself && matches[step.wholeFilter] ? 1 : 0))
  }

  @inline(__always) private func counts(_ index: Int, _ step: FeaturePlan.Step, _ plan: FeaturePlan) -> Bool {
    step.filter < 0 || bitmap(plan.filters[step.filter].bitmap)[index]
  }

  // MARK: Totals

  private struct Totals {
    var count = 0
    var sum: Int64 = 0
    var squares: UInt128 = 0

    @inline(__always) mutating func add(_ amount: Int64) {
      count &+= 1
      sum &+= amount
      squares &+= UInt128(amount.magnitude) &* UInt128(amount.magnitude)
    }

    @inline(__always) mutating func remove(_ amount: Int64) {
      count &-= 1
      sum &-= amount
      squares &-= UInt128(amount.magnitude) &* UInt128(amount.magnitude)
    }
  }

  /// Sums of amounts that the features of one transaction ask for again and again: what is later than it is the same for all windows
  /// of a lag, what a window reaches beyond the running one for all features of that window.
  private struct KnownSums {
    private var beforeRange = 0..<0
    private var beforeSum: Int64 = 0
    private var laterRange = 0..<0
    private var laterSum: Int64 = 0

    @inline(__always) mutating func before(_ range: Range<Int>, _ ring: Ring) -> Int64 {
      if range != beforeRange { (beforeRange, beforeSum) = (range, ring.sum(over: range)) }
      return beforeSum
    }

    @inline(__always) mutating func later(_ range: Range<Int>, _ ring: Ring) -> Int64 {
      if range != laterRange { (laterRange, laterSum) = (range, ring.sum(over: range)) }
      return laterSum
    }
  }

  private func sum(over range: Range<Int>) -> Int64 {
    var sum: Int64 = 0
    if isWide {
      let amounts = amounts.assumingMemoryBound(to: Int64.self)
      for index in range { sum &+= amounts[index] }
    } else {
      let amounts = amounts.assumingMemoryBound(to: Int32.self)
      for index in range { sum &+= Int64(amounts[index]) }
    }
    return sum
  }

  private func statistic(
    _ step: FeaturePlan.Step, _ event: borrowing IncomingEvent, _ window: PastWindow, _ countsItself: Bool, _ plan: FeaturePlan,
    _ known: inout KnownSums
  ) -> Double {
    var totals = Totals()
    if step.sumOffset < 0, step.squaresOffset < 0 {
      // A count alone.
      totals.count =
        step.filter < 0
        ? window.range.count : bitmap(plan.filters[step.filter].bitmap).count(from: window.left, to: window.right)
    } else if window.isNear, step.filter < 0, step.squaresOffset < 0 {
      totals.count = window.range.count
      totals.sum = sum(step.sumOffset) &+ known.before(window.before, self) &- known.later(window.later, self)
    } else if window.isNear {
      totals.count = step.countOffset < 0 ? window.runningRight - window.runningLeft : small(step.countOffset)
      totals.sum = step.sumOffset < 0 ? 0 : sum(step.sumOffset)
      totals.squares = step.squaresOffset < 0 ? 0 : squares(step.squaresOffset)
      for index in window.before where counts(index, step, plan) { totals.add(amount(index)) }
      for index in window.later where counts(index, step, plan) { totals.remove(amount(index)) }
    } else {
      for index in window.range where counts(index, step, plan) { totals.add(amount(index)) }
    }
    if countsItself { totals.add(event.amount) }
    return Statistics.value(step.code, count: totals.count, sum: totals.sum, squares: totals.squares, amount: event.amount)
  }

  // MARK: Tracks

  /// From where on a track's bits tell the truth: before the left edge of its longest window nobody kept them.
  @inline(__always) private func trackedFrom(_ step: FeaturePlan.Step, _ window: PastWindow, _ plan: FeaturePlan) -> Int {
    min(window.right, max(window.left, left(plan.edges[plan.tracks[step.track].longestEdge])))
  }

  /// The first set bit is the extreme of everything behind it, and thus of the window if it lies in that.
  private func extreme(
    _ step: FeaturePlan.Step, _ event: borrowing IncomingEvent, _ window: PastWindow, _ countsItself: Bool, _ plan: FeaturePlan
  ) -> Double {
    let isMax = step.code == .max
    var best: Int64? = countsItself ? event.amount : nil
    func see(_ amount: Int64) {
      if let known = best, isMax ? amount <= known : amount >= known { return }
      best = amount
    }
    func see(_ range: Range<Int>) {
      if range.isEmpty { return }
      if step.filter < 0 { return see(extreme(of: range, isMax: isMax)) }
      for index in range where counts(index, step, plan) { see(amount(index)) }
    }
    let tracked = trackedFrom(step, window, plan)
    see(window.left..<tracked)
    let first = bitmap(step.bitmap).next(from: tracked, below: window.runningRight)
    if first >= 0, first < window.right { see(amount(first)) } else if first >= 0 { see(tracked..<window.right) }
    return best.map { Double($0) } ?? .nan
  }

  /// Of at least one event.
  private func extreme(of range: Range<Int>, isMax: Bool) -> Int64 {
    if isWide { return Self.extreme(of: range, amounts.assumingMemoryBound(to: Int64.self), isMax) }
    return Int64(Self.extreme(of: range, amounts.assumingMemoryBound(to: Int32.self), isMax))
  }

  /// Without a branch each: the compiler makes vectors of it.
  @inline(__always)
  private static func extreme<T: FixedWidthInteger>(of range: Range<Int>, _ amounts: UnsafeMutablePointer<T>, _ isMax: Bool) -> T {
    var best = amounts[range.lowerBound]
    if isMax { for index in range { best = max(best, amounts[index]) } } else { for index in range { best = min(best, amounts[index]) } }
    return best
  }

  /// So many values at most are looked up one by one: each may take a pass over the window.
  private static var lookupsMax: Int { 16 }

  private func distinct(
    _ step: FeaturePlan.Step, _ event: borrowing IncomingEvent, _ window: PastWindow, _ countsItself: Bool,
    _ plan: FeaturePlan, _ seen: inout ValueSet
  ) -> Double {
    let column = plan.columns[plan.columnOfField[Int(step.field.rawValue)]]
    if window.isNear, let known = distinctByTrack(step, event, window, countsItself, column, plan, &seen) { return Double(known) }
    seen.reset(capacity: window.range.count + 1)
    for index in window.range where counts(index, step, plan) { seen.insert(value(column, index)) }
    if countsItself { seen.insert(event[step.field]) }
    return Double(seen.count)
  }

  /// A set bit is a value's last event of all: in the window it counts. Other values have their last event after the window
  /// or before the bits begin: each of these is looked up. nil where they are too many.
  private func distinctByTrack(
    _ step: FeaturePlan.Step, _ event: borrowing IncomingEvent, _ window: PastWindow, _ countsItself: Bool,
    _ column: FeaturePlan.Column, _ plan: FeaturePlan, _ seen: inout ValueSet
  ) -> Int? {
    let tracked = trackedFrom(step, window, plan)
    var count = bitmap(step.bitmap).count(from: tracked, to: window.right)
    var lookups = 0
    let own = event[step.field]
    var ownOccurs: Bool?
    // Runs of one value are common, and a comparison is less than a look into the set.
    var last: UInt64 = 0
    seen.reset(capacity: window.later.count + tracked - window.left)
    for index in window.later where counts(index, step, plan) {
      let value = self.value(column, index)
      if value == last { continue }
      last = value
      guard seen.insert(value) else { continue }
      lookups += 1
      if lookups > Self.lookupsMax { return nil }
      let found = occurs(value, column, step, window.range, plan)
      if found { count += 1 }
      if value == own { ownOccurs = found }
    }
    for index in window.left..<tracked where counts(index, step, plan) {
      let value = self.value(column, index)
      guard seen.insert(value) else { continue }
      lookups += 1
      if lookups > Self.lookupsMax { return nil }
      if !occurs(value, column, step, tracked..<window.right, plan) { count += 1 }
    }
    if countsItself, own != 0, !(ownOccurs ?? occurs(own, column, step, window.range, plan)) { count += 1 }
    return count
  }

  /// Whether an event of `range` that counts has this value.
  private func occurs(
    _ value: UInt64, _ column: FeaturePlan.Column, _ step: FeaturePlan.Step, _ range: Range<Int>, _ plan: FeaturePlan
  ) -> Bool {
    var index = range.upperBound
    repeat { index = lastIndex(of: value, column, low: range.lowerBound, before: index) } while index >= 0 && !counts(index, step, plan)
    return index >= 0
  }
}

/// A reused set of values other than 0, emptied in constant time: a slot counts only with the current stamp.
struct ValueSet: ~Copyable {
  private var values: UnsafeMutablePointer<UInt64>
  private var stamps: UnsafeMutablePointer<UInt32>
  private var allocated = 64
  private var mask = 63
  private var stamp: UInt32 = 0
  private(set) var count = 0

  init() {
    values = .allocate(capacity: 64)
    stamps = .allocate(capacity: 64)
    stamps.initialize(repeating: 0, count: 64)
  }

  deinit {
    values.deallocate()
    stamps.deallocate()
  }

  var memoryBytes: Int { Allocation.size(allocated * 8) + Allocation.size(allocated * 4) }

  /// Empties the set and makes room for `capacity` values.
  mutating func reset(capacity: Int) {
    var size = 64
    while size < capacity * 2 { size *= 2 }
    if size > allocated || stamp == .max {
      values.deallocate()
      stamps.deallocate()
      allocated = max(size, allocated)
      values = .allocate(capacity: allocated)
      stamps = .allocate(capacity: allocated)
      stamps.initialize(repeating: 0, count: allocated)
      stamp = 0
    }
    mask = size - 1
    stamp += 1
    count = 0
  }

  /// Answers whether it is new: 0 never is.
  @discardableResult
  mutating func insert(_ value: UInt64) -> Bool {
    if value == 0 { return false }
    var slot = Int(truncatingIfNeeded: (value &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    while stamps[slot] == stamp {
      if values[slot] == value { return false }
      slot = (slot + 1) & mask
    }
    stamps[slot] = stamp
    values[slot] = value
    count += 1
    return true
  }
}
