/// Events come, go and move.
extension Ring {
  /// Drops from the front what no window can need any more, for a newest event at `newest` that may not be in yet.
  ///
  /// The event before the oldest time that a transaction may still have is kept whatever its age: it is the one that
  /// `last` and `seconds_since_last` ask for. True if an event was dropped: then no window can reach back to any that
  /// was dropped before either.
  @inline(__always) @discardableResult
  mutating func evict(newest: Int64, _ plan: FeaturePlan) -> Bool {
    let bound = newest &- plan.retention
    let first = start
    while start < end && time(start) <= bound {
      let next = start + 1 < end ? time(start + 1) : newest
      if next > newest &- plan.allowedLateness { break }
      start += 1
    }
    return start != first
  }

  /// Drops the oldest event although windows may hold it.
  mutating func dropOldest(_ plan: FeaturePlan) {
    for edge in plan.edges where left(edge) == start {
      if right(plan.lags[edge.lag]) > start { leave(start, edge, plan) }
      setSmall(edge.leftOffset, start + 1)
    }
    for lag in plan.lags.dropFirst() where small(lag.rightOffset) == start { setSmall(lag.rightOffset, start + 1) }
    start += 1
  }

  /// Adds the newest event; there is room, it fits, and the edges stand at its time.
  @inline(__always)
  mutating func append(_ event: borrowing IncomingEvent, _ plan: FeaturePlan, _ replaced: Replaced) {
    let index = end
    write(index, time: event.time, amount: event.amount)
    for column in plan.columns { write(index, column, event[column.field]) }
    end &+= 1
    if plan.filters.count > 0 { mark(index, plan, isNewest: true) }
    let zero = plan.lags[0]
    change(zero.totals, index, plan, entering: true)
    var track = 0
    while track < plan.tracks.count {
      bitmap(plan.tracks[track].bitmap)[index] = false
      if track < zero.tracks.upperBound { replaced[track] = enter(index, plan.tracks[track], high: end, plan) }
      track += 1
    }
  }

  /// Adds an event at its place before the newest one; there is room, and it fits.
  mutating func insert(_ event: borrowing IncomingEvent, at index: Int, _ plan: FeaturePlan) {
    let newest = time(end - 1)
    for column in plan.columns { open(self.column(column), width: column.width, at: index) }
    open(times, width: isWide ? 8 : 4, at: index)
    open(amounts, width: isWide ? 8 : 4, at: index)
    for number in 0..<plan.bitmapCount { bitmap(number).insertClear(at: index, end: end) }
    write(index, time: event.time, amount: event.amount)
    for column in plan.columns { write(index, column, event[column.field]) }
    end += 1
    mark(index, plan, isNewest: false)

    for lag in plan.lags.dropFirst() where event.time <= newest - lag.lag {
      setSmall(lag.rightOffset, small(lag.rightOffset) + 1)
    }
    for edge in plan.edges {
      if event.time <= newest - edge.reach {
        setSmall(edge.leftOffset, left(edge) + 1)
      } else if event.time <= newest - plan.lags[edge.lag].lag {
        enter(index, edge, plan)
      }
    }
    for lag in plan.lags where event.time <= newest - lag.lag {
      for track in lag.tracks { enter(index, plan.tracks[track], high: right(lag), plan) }
    }
  }

  /// Which filters the event at `index` passes.
  @inline(__always) private func mark(_ index: Int, _ plan: FeaturePlan, isNewest: Bool) {
    for filter in plan.filters {
      let passes = passes(filter, index, plan)
      bitmap(filter.bitmap)[index] = passes
      guard filter.lastOffset >= 0 else { continue }
      let last = small(filter.lastOffset)
      if last > index {
        if !isNewest { setSmall(filter.lastOffset, last + 1) }
      } else if passes {
        setSmall(filter.lastOffset, index + 1)
      }
    }
  }

  private func open(_ column: UnsafeMutableRawPointer, width: Int, at index: Int) {
    (column + (index + 1) * width).copyMemory(from: column + index * width, byteCount: (end - index) * width)
  }

  /// Moves the events to the front of the same block.
  mutating func compact(_ plan: FeaturePlan) {
    for column in plan.columns { close(self.column(column), width: column.width) }
    close(times, width: isWide ? 8 : 4)
    close(amounts, width: isWide ? 8 : 4)
    for number in 0..<plan.bitmapCount { bitmap(number).copy(from: bitmap(number), start: start, end: end) }
    shiftIndices(by: start, plan)
    end -= start
    start = 0
  }

  private func close(_ column: UnsafeMutableRawPointer, width: Int) {
    column.copyMemory(from: column + start * width, byteCount: count * width)
  }

  /// Copies events and running state to the front of a block of the same plan with other room, base or width.
  func copy(to target: inout Ring, _ plan: FeaturePlan) {
    target.end = count
    (target.block + 8).copyMemory(from: block + 8, byteCount: plan.stateSize - 8)
    copyEvents(to: target)
    for column in plan.columns {
      target.column(column).copyMemory(
        from: self.column(column) + start * column.width, byteCount: count * column.width)
    }
    for number in 0..<plan.bitmapCount where count > 0 {
      target.bitmap(number).copy(from: bitmap(number), start: start, end: end)
    }
    target.shiftIndices(by: start, plan)
  }

  /// Times and amounts to the front of another block.
  func copyEvents(to target: Ring) {
    if isWide == target.isWide && base == target.base {
      let width = isWide ? 8 : 4
      target.times.copyMemory(from: times + start * width, byteCount: count * width)
      target.amounts.copyMemory(from: amounts + start * width, byteCount: count * width)
    } else {
      for index in start..<end { target.write(index - start, time: time(index), amount: amount(index)) }
    }
  }

  private func shiftIndices(by shift: Int, _ plan: FeaturePlan) {
    guard shift > 0 else { return }
    for edge in plan.edges { setSmall(edge.leftOffset, left(edge) - shift) }
    for lag in plan.lags.dropFirst() { setSmall(lag.rightOffset, small(lag.rightOffset) - shift) }
    // The last passing event may have been dropped.
    for filter in plan.filters where filter.lastOffset >= 0 {
      setSmall(filter.lastOffset, max(0, small(filter.lastOffset) - shift))
    }
  }
}
