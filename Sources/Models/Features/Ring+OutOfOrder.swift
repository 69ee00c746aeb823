/// Features of a transaction older than its ring's newest event: computed by scanning, at its own time.
///
/// The running state stands at the newest time and can't answer for an older one. Events in the ring after
/// `position` are later than the transaction and don't count; the transaction itself isn't in the ring.
extension Ring {
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
    for step in plan.windowSteps {
      let edge = plan.edges[step.edge]
      let lag = plan.lags[edge.lag].lag
      let left = firstIndex(after: event.time - edge.reach)
      let right = lag == 0 ? position : firstIndex(after: event.time - lag)
      if step.code == .fraudShare {
        out[step.output] = shareOutOfOrder(step, left..<max(left, right), hasItself: lag == 0, plan, matches)
        continue
      }
      let countsItself = lag == 0 && (step.filter < 0 || matches[step.filter])
      out[step.output] = scan(step, event, left..<max(left, right), countsItself: countsItself, plan, &seen)
    }
  }

  /// The transaction itself has no label yet: it counts in the whole alone.
  private func shareOutOfOrder(
    _ step: FeaturePlan.Step, _ window: Range<Int>, hasItself: Bool, _ plan: FeaturePlan, _ matches: UnsafeMutablePointer<Bool>
  ) -> Double {
    let frauds = bitmap(plan.filters[step.filter].bitmap).count(from: window.lowerBound, to: window.upperBound)
    guard step.wholeFilter >= 0 else { return Statistics.share(frauds, of: window.count + (hasItself ? 1 : 0)) }
    let whole = bitmap(plan.filters[step.wholeFilter].bitmap).count(from: window.lowerBound, to: window.upperBound)
    return Statistics.share(frauds, of: whole + (hasItself && matches[step.wholeFilter] ? 1 : 0))
  }

  private func scan(
    _ step: FeaturePlan.Step, _ event: borrowing IncomingEvent, _ window: Range<Int>, countsItself: Bool,
    _ plan: FeaturePlan, _ seen: inout ValueSet
  ) -> Double {
    switch step.code {
    case .max, .min: return extreme(step, event, window, countsItself, plan)
    case .distinct: return distinct(step, event, window, countsItself, plan, &seen)
    case .isNew:
      let own = event[step.field]
      if own == 0 { return .nan }
      let column = plan.columns[plan.columnOfField[Int(step.field.rawValue)]]
      return lastIndex(of: own, column, low: window.lowerBound, before: window.upperBound) < 0 ? 1 : 0
    default:
      var count = 0
      var sum: Int64 = 0
      var squares: UInt128 = 0
      func add(_ amount: Int64) {
        count += 1
        sum += amount
        squares += UInt128(amount.magnitude) * UInt128(amount.magnitude)
      }
      for index in window where counts(index, step, plan) { add(amount(index)) }
      if countsItself { add(event.amount) }
      return Statistics.value(step.code, count: count, sum: sum, squares: squares, amount: event.amount)
    }
  }

  @inline(__always) private func counts(_ index: Int, _ step: FeaturePlan.Step, _ plan: FeaturePlan) -> Bool {
    step.filter < 0 || bitmap(plan.filters[step.filter].bitmap)[index]
  }

  private func extreme(
    _ step: FeaturePlan.Step, _ event: borrowing IncomingEvent, _ window: Range<Int>, _ countsItself: Bool,
    _ plan: FeaturePlan
  ) -> Double {
    var best: Int64? = countsItself ? event.amount : nil
    for index in window where counts(index, step, plan) {
      let amount = amount(index)
      if let known = best, step.code == .max ? amount <= known : amount >= known { continue }
      best = amount
    }
    return best.map { Double($0) } ?? .nan
  }

  private func distinct(
    _ step: FeaturePlan.Step, _ event: borrowing IncomingEvent, _ window: Range<Int>, _ countsItself: Bool,
    _ plan: FeaturePlan, _ seen: inout ValueSet
  ) -> Double {
    let column = plan.columns[plan.columnOfField[Int(step.field.rawValue)]]
    seen.reset(capacity: window.count + 1)
    for index in window where counts(index, step, plan) { seen.insert(value(column, index)) }
    if countsItself { seen.insert(event[step.field]) }
    return Double(seen.count)
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

  mutating func insert(_ value: UInt64) {
    if value == 0 { return }
    var slot = Int(truncatingIfNeeded: (value &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    while stamps[slot] == stamp {
      if values[slot] == value { return }
      slot = (slot + 1) & mask
    }
    stamps[slot] = stamp
    values[slot] = value
    count += 1
  }
}
