/// The moving edges, running totals and tracks of a ring's windows.
///
/// Every event enters and leaves each window once: amortised constant work, but for the lookups of tracks, which touch
/// 64 events a word (extremes) or compare values backwards until the last equal one (distinct).
extension Ring {
  /// Scratch of one `observe`, by track: index of the event that the transaction's value replaced, -1 for none.
  typealias Replaced = UnsafeMutablePointer<Int>

  @inline(__always) func left(_ edge: FeaturePlan.Edge) -> Int { small(edge.leftOffset) }

  @inline(__always) func right(_ edge: FeaturePlan.Edge) -> Int { edge.rightOffset < 0 ? end : small(edge.rightOffset) }

  @inline(__always) func right(_ lag: FeaturePlan.Lag) -> Int { lag.rightOffset < 0 ? end : small(lag.rightOffset) }

  /// Moves all edges to where they stand when the newest time is `time`.
  @inline(__always) func advance(to time: Int64, _ plan: FeaturePlan) {
    var index = 1
    while index < plan.lags.count {
      advanceRight(plan.lags[index], to: time, plan)
      index += 1
    }
    index = 0
    while index < plan.edges.count {
      let edge = plan.edges[index]
      let bound = time &- edge.reach
      var left = self.left(edge)
      let right = self.right(edge)
      if left < right && self.time(left) <= bound {
        repeat {
          leave(left, edge, plan)
          left += 1
        } while left < right && self.time(left) <= bound
        setSmall(edge.leftOffset, left)
      }
      index += 1
    }
  }

  /// Events that have become old enough enter the lagged windows.
  private func advanceRight(_ lag: FeaturePlan.Lag, to time: Int64, _ plan: FeaturePlan) {
    let bound = time &- lag.lag
    var right = small(lag.rightOffset)
    let before = right
    while right < end && self.time(right) <= bound {
      for edge in lag.edges { enter(right, plan.edges[edge], plan) }
      for track in lag.tracks { enter(right, plan.tracks[track], high: right + 1, plan) }
      right += 1
    }
    if right != before { setSmall(lag.rightOffset, right) }
  }

  // MARK: Totals

  @inline(__always) func enter(_ index: Int, _ edge: FeaturePlan.Edge, _ plan: FeaturePlan) {
    change(edge.totals, index, plan, entering: true)
  }

  @inline(__always) func leave(_ index: Int, _ edge: FeaturePlan.Edge, _ plan: FeaturePlan) {
    change(edge.totals, index, plan, entering: false)
  }

  @inline(__always)
  func change(_ totals: Range<Int>, _ index: Int, _ plan: FeaturePlan, entering: Bool) {
    let amount = self.amount(index)
    var number = totals.lowerBound
    while number < totals.upperBound {
      let total = plan.totals[number]
      number &+= 1
      if total.filter >= 0 && !bitmap(plan.filters[total.filter].bitmap)[index] { continue }
      if total.countOffset >= 0 { setSmall(total.countOffset, small(total.countOffset) &+ (entering ? 1 : -1)) }
      if total.sumOffset >= 0 { addToSum(total.sumOffset, entering ? amount : 0 &- amount) }
      if total.squaresOffset >= 0 {
        let square = UInt128(amount.magnitude) &* UInt128(amount.magnitude)
        let squares = self.squares(total.squaresOffset)
        setSquares(total.squaresOffset, entering ? squares &+ square : squares &- square)
      }
    }
  }

  // MARK: Tracks

  /// Makes the event part of a track whose events end at `high`. Answers the event that it replaced, or -1.
  @discardableResult @inline(__always)
  func enter(_ index: Int, _ track: FeaturePlan.Track, high: Int, _ plan: FeaturePlan) -> Int {
    if track.filter >= 0 && !bitmap(plan.filters[track.filter].bitmap)[index] { return -1 }
    let bits = bitmap(track.bitmap)
    let low = left(plan.edges[track.longestEdge])
    switch track.kind {
    case .max:
      let amount = self.amount(index)
      enterExtreme(index, bits, low: low, high: high) { $0 <= amount }
      return -1
    case .min:
      let amount = self.amount(index)
      enterExtreme(index, bits, low: low, high: high) { $0 >= amount }
      return -1
    case .distinct:
      return enterDistinct(index, track, bits, low: low, high: high, plan)
    }
  }

  /// `yields`: is an amount at most as extreme as the entering one?
  @inline(__always)
  private func enterExtreme(_ index: Int, _ bits: Bitmap, low: Int, high: Int, _ yields: (Int64) -> Bool) {
    // The first candidate behind is the extreme of all events behind; at least as extreme, it replaces this event.
    let later = bits.next(from: index + 1, below: high)
    if later >= 0 {
      let amount = self.amount(later)
      if !yields(amount) || amount == self.amount(index) { return }
    }
    bits[index] = true
    var earlier = bits.previous(before: index, atLeast: low)
    while earlier >= 0 && yields(amount(earlier)) {
      bits[earlier] = false
      earlier = bits.previous(before: earlier, atLeast: low)
    }
  }

  @inline(__always)
  private func enterDistinct(
    _ index: Int, _ track: FeaturePlan.Track, _ bits: Bitmap, low: Int, high: Int, _ plan: FeaturePlan
  ) -> Int {
    let column = plan.columns[plan.columnOfField[Int(track.field.rawValue)]]
    let value = self.value(column, index)
    if value == 0 { return -1 }
    var later = bits.next(from: index + 1, below: high)
    while later >= 0 {
      if self.value(column, later) == value { return -1 }
      later = bits.next(from: later + 1, below: high)
    }
    var earlier: Int
    if track.filter < 0 {
      earlier = lastIndex(of: value, column, low: low, before: index)
    } else {
      earlier = bits.previous(before: index, atLeast: low)
      while earlier >= 0 && self.value(column, earlier) != value {
        earlier = bits.previous(before: earlier, atLeast: low)
      }
    }
    if earlier >= 0 { bits[earlier] = false }
    bits[index] = true
    return earlier
  }

  /// The last event of `low..<index` with this value in a column, or -1.
  @inline(__always)
  func lastIndex(of value: UInt64, _ column: FeaturePlan.Column, low: Int, before index: Int) -> Int {
    let at = self.column(column)
    switch column.width {
    case 8: return Self.lastIndex(of: value, at.assumingMemoryBound(to: UInt64.self), low, index)
    case 2:
      return Self.lastIndex(of: UInt16(truncatingIfNeeded: value), at.assumingMemoryBound(to: UInt16.self), low, index)
    default:
      return Self.lastIndex(of: UInt8(truncatingIfNeeded: value), at.assumingMemoryBound(to: UInt8.self), low, index)
    }
  }

  /// Eight values a step, without a branch each: most values stand near the end, and new ones nowhere.
  @inline(__always)
  private static func lastIndex<T: FixedWidthInteger>(
    of value: T, _ values: UnsafeMutablePointer<T>, _ low: Int, _ index: Int
  ) -> Int {
    var at = index
    while at - low >= 8 {
      let block = values + (at - 8)
      var difference = (block[0] ^ value) == 0
      for lane in 1..<8 { difference = difference || (block[lane] ^ value) == 0 }
      if difference { break }
      at -= 8
    }
    while at > low {
      at -= 1
      if values[at] == value { return at }
    }
    return -1
  }

  // MARK: From scratch

  /// Derives all running state from the events: after a change of the plan. Filters first, as the rest asks them.
  func derive(_ plan: FeaturePlan) {
    (block + 8).initializeMemory(as: UInt8.self, repeating: 0, count: plan.stateSize - 8)
    bitmaps.update(repeating: 0, count: plan.bitmapCount * bitmapWords)
    for filter in plan.filters {
      let bits = bitmap(filter.bitmap)
      for index in start..<end where passes(filter, index, plan) {
        bits[index] = true
        if filter.lastOffset >= 0 { setSmall(filter.lastOffset, index + 1) }
      }
    }
    let newest = isEmpty ? 0 : time(end - 1)
    for edge in plan.edges {
      let lag = plan.lags[edge.lag]
      let right = lag.lag == 0 ? end : firstIndex(after: newest - lag.lag)
      let left = firstIndex(after: newest - edge.reach)
      if lag.rightOffset >= 0 { setSmall(lag.rightOffset, right) }
      setSmall(edge.leftOffset, left)
      for index in left..<right { enter(index, edge, plan) }
    }
    for lag in plan.lags {
      let right = self.right(lag)
      for track in lag.tracks {
        let low = left(plan.edges[plan.tracks[track].longestEdge])
        for index in low..<right { enter(index, plan.tracks[track], high: index + 1, plan) }
      }
    }
  }

  func passes(_ filter: FeaturePlan.Filter, _ index: Int, _ plan: FeaturePlan) -> Bool {
    plan.passes(filter, amount: amount(index)) { value(plan.columns[plan.columnOfField[Int($0.rawValue)]], index) }
  }
}
