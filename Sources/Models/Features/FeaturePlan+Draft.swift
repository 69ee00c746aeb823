import CEL

/// Compiles a feature set: first collects what all features need together, then gives each its operands.
struct PlanDraft {
  private struct EdgeKey: Hashable { let lag: Int64, reach: Int64 }
  private struct TotalKey: Hashable { let edge: Int, filter: Int }
  private struct TotalNeed { var count = false, sum = false, squares = false }
  private struct TrackKey: Hashable { let lag: Int, kind: FeaturePlan.TrackKind, field: EventField, filter: Int }

  private(set) var lags: [FeaturePlan.Lag] = []
  private(set) var edges: [FeaturePlan.Edge] = []
  private(set) var totals: [FeaturePlan.Total] = []
  private(set) var tracks: [FeaturePlan.Track] = []
  private(set) var filters: [FeaturePlan.Filter] = []
  private(set) var conditions: [FeaturePlan.Condition] = []
  private(set) var columns: [FeaturePlan.Column] = []
  private(set) var previousSteps: [FeaturePlan.Step] = []
  private(set) var windowSteps: [FeaturePlan.Step] = []
  private(set) var ownSteps: [FeaturePlan.Step] = []
  private(set) var extraSteps: [(field: Int, output: Int)] = []
  private(set) var calendarSteps: [CalendarStep] = []
  private(set) var stateSize = 8
  private(set) var bitmapCount = 0
  private(set) var timesOffset = 0
  private(set) var narrowEventSize = 0
  private(set) var wideEventSize = 0
  private(set) var reachMax: Int64 = 0

  private var lagValues: [Int64] = [0]
  private var edgeKeys: [EdgeKey] = []
  private var filterKeys: [EventFilter] = []
  private var filtersWithLast: Set<Int> = []
  private var totalNeeds: [TotalKey: TotalNeed] = [:]
  /// The longest edge that reads each track.
  private var trackEdges: [TrackKey: Int] = [:]
  private var fields: Set<EventField> = []
  private var totalKeys: [TotalKey] = []
  private var leftOffsets: [Int] = []
  private var totalIndex: [TotalKey: Int] = [:]
  private var trackIndex: [TrackKey: Int] = [:]

  init(_ features: FeatureSet) {
    for feature in features.features { collectWindows(feature.aggregate) }
    if features.labelReach > 0 { fields.formUnion([.transaction, .labelVersion, .label]) }
    lagValues.sort()
    edgeKeys.sort { ($0.lag, $0.reach) < ($1.lag, $1.reach) }
    for feature in features.features { collectNeeds(feature.aggregate) }
    layOut()
    for output in features.evaluationOrder { emit(features.features[output].aggregate, output: output, features) }
    windowSteps.sort { ($0.edge, $0.output) < ($1.edge, $1.output) }
    placeEdges()
  }

  // MARK: What is needed

  private mutating func collectWindows(_ aggregate: Aggregate) {
    switch aggregate {
    case .statistic(_, let window, let filter):
      add(window)
      add(filter)
    case .fraudShare(let window, let filter):
      add(window)
      add(filter)
      add(EventFilter.fraud(filter))
    case .distinct(let field, let window, let filter):
      fields.insert(field)
      add(window)
      add(filter)
    case .isNew(let field, let window):
      fields.insert(field)
      add(window)
    case .secondsSinceLast(let length, let filter):
      if filter != nil, let length { reachMax = max(reachMax, length) }
      add(filter)
    case .last(let field), .changed(let field): fields.insert(field)
    case .distance(let length, let place), .speed(let length, let place):
      fields.insert(place)
      reachMax = max(reachMax, length)
    case .lastAmount, .own, .ratio, .calendar: break
    }
  }

  private mutating func add(_ window: Window) {
    let key = EdgeKey(lag: window.lag, reach: window.reach)
    if !lagValues.contains(window.lag) { lagValues.append(window.lag) }
    if !edgeKeys.contains(key) { edgeKeys.append(key) }
    reachMax = max(reachMax, window.reach)
  }

  private mutating func add(_ filter: EventFilter?) {
    guard let filter, !filterKeys.contains(filter) else { return }
    filterKeys.append(filter)
    for condition in filter.conditions { fields.insert(condition.field) }
  }

  private func edge(_ window: Window) -> Int {
    edgeKeys.firstIndex(of: EdgeKey(lag: window.lag, reach: window.reach))!
  }

  func filterIndex(_ filter: EventFilter?) -> Int { self.filter(filter) }

  private func filter(_ filter: EventFilter?) -> Int { filter.map { filterKeys.firstIndex(of: $0)! } ?? -1 }

  private mutating func collectNeeds(_ aggregate: Aggregate) {
    switch aggregate {
    case .statistic(let statistic, let window, let filter):
      let key = TotalKey(edge: edge(window), filter: self.filter(filter))
      switch statistic {
      case .max: need(.max, .country, window, key.filter)
      case .min: need(.min, .country, window, key.filter)
      case .count where filter == nil: break
      default:
        totalNeeds[key, default: TotalNeed()].count = totalNeeds[key]?.count == true || filter != nil
        if statistic != .count { totalNeeds[key]!.sum = true }
        if statistic == .stddev || statistic == .zscore { totalNeeds[key]!.squares = true }
      }
    case .fraudShare(let window, let filter):
      for filter in [filter, .fraud(filter)] where filter != nil {
        totalNeeds[TotalKey(edge: edge(window), filter: self.filter(filter)), default: TotalNeed()].count = true
      }
    case .distinct(let field, let window, let filter): need(.distinct, field, window, self.filter(filter))
    case .isNew(let field, let window): need(.distinct, field, window, -1)
    case .secondsSinceLast(_, let filter?): filtersWithLast.insert(self.filter(filter))
    default: break
    }
  }

  private func trackKey(_ kind: FeaturePlan.TrackKind, _ field: EventField, _ window: Window, _ filter: Int) -> TrackKey {
    TrackKey(lag: lagValues.firstIndex(of: window.lag)!, kind: kind, field: field, filter: filter)
  }

  private mutating func need(_ kind: FeaturePlan.TrackKind, _ field: EventField, _ window: Window, _ filter: Int) {
    let key = trackKey(kind, field, window, filter)
    // Edges of one lag are sorted by reach: the largest index is the longest.
    trackEdges[key] = max(trackEdges[key] ?? 0, edge(window))
  }

  // MARK: Where it lies

  private mutating func take(_ bytes: Int) -> Int {
    defer { stateSize += bytes }
    return stateSize
  }

  /// Sums of 8 bytes first, then the 2-byte counts and edges; then the token follows.
  private mutating func layOut() {
    let totalKeys = totalNeeds.keys.sorted { ($0.edge, $0.filter) < ($1.edge, $1.filter) }
    let sums = totalKeys.map { totalNeeds[$0]!.sum ? take(8) : -1 }
    let squares = totalKeys.map { totalNeeds[$0]!.squares ? take(16) : -1 }
    for (index, key) in totalKeys.enumerated() {
      totalIndex[key] = index
      totals.append(
        FeaturePlan.Total(
          filter: key.filter, countOffset: totalNeeds[key]!.count ? take(2) : -1, sumOffset: sums[index],
          squaresOffset: squares[index]))
    }
    self.totalKeys = totalKeys
    leftOffsets = edgeKeys.map { _ in take(2) }
    let trackKeys = trackEdges.keys.sorted {
      ($0.lag, $0.kind.rawValue, $0.field.rawValue, $0.filter) < (
        $1.lag, $1.kind.rawValue, $1.field.rawValue, $1.filter
      )
    }
    for (index, value) in lagValues.enumerated() {
      lags.append(
        FeaturePlan.Lag(
          lag: value, rightOffset: value == 0 ? -1 : take(2), edges: Self.range(edgeKeys) { $0.lag == value },
          totals: Self.range(totalKeys) { edgeKeys[$0.edge].lag == value },
          tracks: Self.range(trackKeys) { $0.lag == index }))
    }
    for (index, filter) in filterKeys.enumerated() { layOut(filter, index: index) }
    for key in trackKeys {
      trackIndex[key] = tracks.count
      tracks.append(
        FeaturePlan.Track(
          kind: key.kind, field: key.field, filter: key.filter, bitmap: bitmapCount, longestEdge: trackEdges[key]!))
      bitmapCount += 1
    }
    layOutColumns()
  }

  /// Once all that an edge refers to is known.
  private mutating func placeEdges() {
    for (index, key) in edgeKeys.enumerated() {
      let lag = lagValues.firstIndex(of: key.lag)!
      edges.append(
        FeaturePlan.Edge(
          reach: key.reach, lag: lag, leftOffset: leftOffsets[index], rightOffset: lags[lag].rightOffset,
          totals: Self.range(totalKeys) { $0.edge == index }, steps: Self.range(windowSteps) { $0.edge == index }))
    }
  }

  private mutating func layOut(_ filter: EventFilter, index: Int) {
    let first = conditions.count
    for condition in filter.conditions {
      let limit = UInt64(condition.values.last!) + 1
      let words = Bitmap.wordCount(Int(limit))
      let bits = UnsafeMutablePointer<UInt64>.allocate(capacity: words)
      bits.initialize(repeating: 0, count: words)
      for value in condition.values { bits[Int(value >> 6)] |= 1 << UInt64(value & 63) }
      conditions.append(FeaturePlan.Condition(field: condition.field, bits: bits, limit: limit))
    }
    filters.append(
      FeaturePlan.Filter(
        bitmap: bitmapCount, lastOffset: filtersWithLast.contains(index) ? take(2) : -1,
        conditions: first..<conditions.count, amountAbove: filter.amountAbove, amountBelow: filter.amountBelow))
    bitmapCount += 1
  }

  /// Columns in falling width, so that each is aligned: hashes, times, amounts, codes.
  private mutating func layOutColumns() {
    let ordered = fields.sorted { ($1.width, $0.rawValue) < ($0.width, $1.rawValue) }
    for field in ordered {
      if narrowEventSize == timesOffset && !field.isHashed { placeTimes() }
      columns.append(
        FeaturePlan.Column(field: field, width: field.width, narrowOffset: narrowEventSize, wideOffset: wideEventSize))
      narrowEventSize += field.width
      wideEventSize += field.width
      if field.isHashed { timesOffset = narrowEventSize }
    }
    if narrowEventSize == timesOffset { placeTimes() }
  }

  private mutating func placeTimes() {
    narrowEventSize += 8
    wideEventSize += 16
  }

  private static func range<T>(_ array: [T], where belongs: (T) -> Bool) -> Range<Int> {
    let first = array.firstIndex(where: belongs) ?? 0
    return first..<first + array.count(where: belongs)
  }

  // MARK: Each feature's step

  private mutating func emit(_ aggregate: Aggregate, output: Int, _ features: FeatureSet) {
    switch aggregate {
    case .statistic(let statistic, let window, let filter):
      let key = TotalKey(edge: edge(window), filter: self.filter(filter))
      var step = FeaturePlan.Step(code: Self.code(statistic), field: .country, output: output)
      step.edge = key.edge
      step.filter = key.filter
      switch statistic {
      case .max: setTrack(&step, trackKey(.max, .country, window, key.filter))
      case .min: setTrack(&step, trackKey(.min, .country, window, key.filter))
      default:
        guard let index = totalIndex[key] else { break }
        step.countOffset = totals[index].countOffset
        step.sumOffset = totals[index].sumOffset
        step.squaresOffset = totals[index].squaresOffset
      }
      windowSteps.append(step)
    case .fraudShare(let window, let filter):
      var step = FeaturePlan.Step(code: .fraudShare, field: .country, output: output)
      step.edge = edge(window)
      step.filter = self.filter(.fraud(filter))
      step.wholeFilter = self.filter(filter)
      step.countOffset = totals[totalIndex[TotalKey(edge: step.edge, filter: step.filter)]!].countOffset
      if filter != nil { step.wholeOffset = totals[totalIndex[TotalKey(edge: step.edge, filter: step.wholeFilter)]!].countOffset }
      windowSteps.append(step)
    case .distinct(let field, let window, let filter):
      var step = FeaturePlan.Step(code: .distinct, field: field, output: output)
      step.edge = edge(window)
      step.filter = self.filter(filter)
      setTrack(&step, trackKey(.distinct, field, window, step.filter))
      windowSteps.append(step)
    case .isNew(let field, let window):
      var step = FeaturePlan.Step(code: .isNew, field: field, output: output)
      step.edge = edge(window)
      setTrack(&step, trackKey(.distinct, field, window, -1))
      windowSteps.append(step)
    case .secondsSinceLast(let length, let filter):
      var step = FeaturePlan.Step(code: .secondsSinceLast, field: .country, output: output)
      step.filter = self.filter(filter)
      step.length = length ?? .max
      previousSteps.append(step)
    case .last(let field): previousSteps.append(FeaturePlan.Step(code: .last, field: field, output: output))
    case .lastAmount: previousSteps.append(FeaturePlan.Step(code: .lastAmount, field: .country, output: output))
    case .changed(let field): previousSteps.append(FeaturePlan.Step(code: .changed, field: field, output: output))
    case .distance(let length, let place), .speed(let length, let place):
      var step = FeaturePlan.Step(code: .distance, field: place, output: output)
      if case .speed = aggregate { step = FeaturePlan.Step(code: .speed, field: place, output: output) }
      step.length = length
      previousSteps.append(step)
    case .calendar(let calendar): emit(calendar, output: output, features.zones)
    case .own(.extra(let field)): extraSteps.append((field, output))
    case .own(.amount): ownSteps.append(FeaturePlan.Step(code: .amount, field: .country, output: output))
    case .own(.hour): ownSteps.append(FeaturePlan.Step(code: .hour, field: .country, output: output))
    case .own(.dayOfWeek): ownSteps.append(FeaturePlan.Step(code: .dayOfWeek, field: .country, output: output))
    case .own(.code(let field)): ownSteps.append(FeaturePlan.Step(code: .code, field: field, output: output))
    case .ratio(let numerator, let divisor):
      var step = FeaturePlan.Step(code: .amountRatio, field: .country, output: output)
      if case .feature(let index) = numerator {
        step = FeaturePlan.Step(code: .ratio, field: .country, output: output)
        step.numerator = index
      }
      step.divisor = divisor
      ownSteps.append(step)
    }
  }

  private mutating func emit(_ calendar: Calendar, output: Int, _ zones: ZoneTable) {
    var zone: Zone? = .utc
    var field = -1
    switch calendar.place {
    case .utc: break
    case .zone(let name): zone = zones.zone(name)
    case .field(let index): (zone, field) = (nil, index)
    }
    calendarSteps.append(CalendarStep(output: output, calendar: calendar, zone: zone, field: field))
  }

  private func setTrack(_ step: inout FeaturePlan.Step, _ key: TrackKey) {
    step.track = trackIndex[key]!
    step.bitmap = tracks[step.track].bitmap
  }

  private static func code(_ statistic: Aggregate.Statistic) -> FeaturePlan.Code {
    switch statistic {
    case .count: .count
    case .sum: .sum
    case .mean: .mean
    case .min: .min
    case .max: .max
    case .stddev: .stddev
    case .zscore: .zscore
    }
  }
}
