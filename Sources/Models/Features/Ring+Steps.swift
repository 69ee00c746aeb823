/// From running state to features, for a transaction that is its ring's newest event.
extension Ring {
  /// What needs the event before; runs while the ring's last event still is that.
  @inline(__always)
  func previousSteps(_ event: borrowing IncomingEvent, _ plan: FeaturePlan, _ out: UnsafeMutablePointer<Double>) {
    for step in plan.previousSteps {
      var index = end - 1
      if step.filter >= 0 { index = small(plan.filters[step.filter].lastOffset) - 1 }
      out[step.output] = previousValue(step, event, index, plan)
    }
  }

  /// `index` is the event that the step looks at; below `start` there is none.
  @inline(__always)
  func previousValue(
    _ step: FeaturePlan.Step, _ event: borrowing IncomingEvent, _ index: Int, _ plan: FeaturePlan
  ) -> Double {
    guard index >= start else { return .nan }
    switch step.code {
    case .secondsSinceLast:
      let elapsed = event.time - time(index)
      return elapsed < step.length ? Double(elapsed) / 1000 : .nan
    case .lastAmount: return Double(amount(index))
    case .last:
      let stored = value(plan.columns[plan.columnOfField[Int(step.field.rawValue)]], index)
      return stored == 0 ? .nan : step.field.number(stored)
    case .changed:
      let stored = value(plan.columns[plan.columnOfField[Int(step.field.rawValue)]], index)
      let own = event[step.field]
      return stored == 0 || own == 0 ? .nan : stored == own ? 0 : 1
    case .distance, .speed: return distance(step, event, index, plan)
    default: preconditionFailure("not a step of the event before")
    }
  }

  /// How far back the last event with a place is looked for.
  private static var placesMax: Int { 64 }

  /// From the last place of the card among its last 64 events.
  private func distance(
    _ step: FeaturePlan.Step, _ event: borrowing IncomingEvent, _ last: Int, _ plan: FeaturePlan
  ) -> Double {
    let own = event[step.field]
    if own == 0 { return .nan }
    let column = plan.columns[plan.columnOfField[Int(step.field.rawValue)]]
    var index = last
    while index >= start, index > last - Self.placesMax {
      let place = value(column, index)
      if place != 0 {
        let elapsed = event.time - time(index)
        guard elapsed < step.length else { return .nan }
        let kilometres = Location.kilometres(place, own)
        return step.code == .distance ? kilometres : kilometres * 3_600_000 / Double(max(elapsed, 1_000))
      }
      index -= 1
    }
    return .nan
  }

  /// What needs the windows; the transaction is in them.
  @inline(__always)
  func windowSteps(
    _ event: borrowing IncomingEvent, _ plan: FeaturePlan, _ replaced: Replaced, _ out: UnsafeMutablePointer<Double>
  ) {
    var step = plan.windowSteps.baseAddress
    for edge in plan.edges {
      let left = self.left(edge)
      let right = self.right(edge)
      var remaining = edge.steps.count
      while remaining > 0 {
        out[step.unsafelyUnwrapped.pointee.output] = windowValue(
          step.unsafelyUnwrapped.pointee, event, left: left, right: right, replaced)
        step = step.unsafelyUnwrapped + 1
        remaining -= 1
      }
    }
  }

  @inline(__always)
  private func windowValue(
    _ step: FeaturePlan.Step, _ event: borrowing IncomingEvent, left: Int, right: Int, _ replaced: Replaced
  ) -> Double {
    let count = step.countOffset < 0 ? right &- left : small(step.countOffset)
    switch step.code {
    case .count: return Double(count)
    case .sum: return Double(sum(step.sumOffset))
    case .mean: return Statistics.mean(count: count, sum: sum(step.sumOffset))
    case .max, .min:
      let index = bitmap(step.bitmap).next(from: left, below: right)
      return index < 0 ? .nan : Double(amount(index))
    case .distinct: return Double(bitmap(step.bitmap).count(from: left, to: right))
    case .isNew: return event[step.field] == 0 ? .nan : replaced[step.track] < left ? 1 : 0
    case .fraudShare:
      return Statistics.share(count, of: step.wholeOffset < 0 ? right &- left : small(step.wholeOffset))
    default:
      return Statistics.value(
        step.code, count: count, sum: sum(step.sumOffset), squares: squares(step.squaresOffset), amount: event.amount)
    }
  }
}

/// The statistics of a window from its exact integer totals.
enum Statistics {
  @inline(__always)
  static func value(_ code: FeaturePlan.Code, count: Int, sum: Int64, squares: UInt128, amount: Int64) -> Double {
    switch code {
    case .count: return Double(count)
    case .sum: return Double(sum)
    case .mean: return mean(count: count, sum: sum)
    case .stddev: return deviation(count: count, sum: sum, squares: squares)
    case .zscore:
      let deviation = deviation(count: count, sum: sum, squares: squares)
      return deviation > 0 ? (Double(amount) - Double(sum) / Double(count)) / deviation : .nan
    default: preconditionFailure("not a statistic of totals")
    }
  }

  @inline(__always)
  static func share(_ count: Int, of whole: Int) -> Double { whole == 0 ? .nan : Double(count) / Double(whole) }

  @inline(__always)
  static func mean(count: Int, sum: Int64) -> Double { count == 0 ? .nan : Double(sum) / Double(count) }

  /// Sample standard deviation, sqrt((n * sum of squares - sum^2) / (n * (n - 1))). The numerator is exact: with at most
  /// 8,192 amounts of at most 10^15 it stays below 2^126.
  @inline(__always)
  private static func deviation(count: Int, sum: Int64, squares: UInt128) -> Double {
    guard count >= 2 else { return .nan }
    let exact = UInt128(count) &* squares &- UInt128(sum.magnitude) &* UInt128(sum.magnitude)
    let high = Double(UInt64(truncatingIfNeeded: exact >> 64))
    let numerator = high * 0x1p64 + Double(UInt64(truncatingIfNeeded: exact))
    return (numerator / (Double(count) * Double(count - 1))).squareRoot()
  }
}
