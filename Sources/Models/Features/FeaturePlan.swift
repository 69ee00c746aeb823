import Wire

/// A feature set compiled for the ring: which edges move, which totals run, where each lies in an entity's block.
///
/// Plain structures in unsafe memory that this object owns: the hot path reads them without counting references.
final class FeaturePlan {
  /// The right end of the windows of one lag: events up to `t - lag` are in. Lag 0 comes first and needs no edge: its
  /// right end is the ring's.
  struct Lag {
    let lag: Int64
    /// Offset of the edge in the block, -1 for lag 0.
    let rightOffset: Int
    /// Ranges in `edges`, `totals` and `tracks`.
    let edges: Range<Int>
    let totals: Range<Int>
    let tracks: Range<Int>
  }

  /// The left end of the windows (lag, length): events up to `t - reach` are out.
  struct Edge {
    let reach: Int64
    let lag: Int
    let leftOffset: Int
    /// Of the edge's lag.
    let rightOffset: Int
    /// Range in `totals`.
    let totals: Range<Int>
    /// Range in `windowSteps`.
    let steps: Range<Int>
  }

  /// Running totals over one edge's window and one filter; an offset of -1 is a total that no feature needs.
  struct Total {
    let filter: Int
    let countOffset: Int
    let sumOffset: Int
    /// Two words, low first.
    let squaresOffset: Int
  }

  enum TrackKind: UInt8 { case distinct, max, min }

  /// A bit an event, set while no later event of the track replaces it: an equal value for `distinct`, an amount at
  /// least as extreme for `max` and `min` (so that the set bits are the monotone queue). One track serves every window
  /// of its lag and filter: from a window's left edge on, the number of set bits is the distinct count, and the first
  /// set bit is the extreme.
  struct Track {
    let kind: TrackKind
    let field: EventField
    let filter: Int
    let bitmap: Int
    /// The longest window that reads the track: before its left edge nothing is looked up.
    let longestEdge: Int
  }

  struct Filter {
    /// One bit an event: it passed.
    let bitmap: Int
    /// Place of the last passing event's index plus 1, -1 where no feature asks.
    let lastOffset: Int
    /// Range in `conditions`.
    let conditions: Range<Int>
    let amountAbove: Int64
    let amountBelow: Int64
  }

  /// A set over a field's stored codes.
  struct Condition {
    let field: EventField
    let bits: UnsafeMutablePointer<UInt64>
    /// Codes at or above are not in the set.
    let limit: UInt64
  }

  /// Bytes that lie before this column for each event of the capacity.
  struct Column {
    let field: EventField
    let width: Int
    let narrowOffset: Int
    let wideOffset: Int
  }

  enum Code: UInt8 {
    case count, sum, mean, min, max, stddev, zscore, distinct, isNew
    case secondsSinceLast, last, lastAmount, changed, distance, speed, fraudShare
    case amount, hour, dayOfWeek, code, ratio, amountRatio
  }

  /// How one feature is computed. Operands that its code doesn't use are -1.
  struct Step {
    let code: Code
    let field: EventField
    let output: Int
    var edge = -1
    /// Places of the running totals; without a place for the count, it is the window's number of events.
    var countOffset = -1
    var sumOffset = -1
    var squaresOffset = -1
    var track = -1
    var bitmap = -1
    var filter = -1
    /// Of a share, the whole: place of its count (-1: the window's number of events) and its filter.
    var wholeOffset = -1
    var wholeFilter = -1
    /// Inputs of a ratio.
    var numerator = -1
    var divisor = -1
    /// An event this long back or longer is missing.
    var length = Int64.max
  }

  let features: FeatureSet
  /// Whose history it lays out.
  let kind: EntityKind
  let lags: UnsafeMutableBufferPointer<Lag>
  let edges: UnsafeMutableBufferPointer<Edge>
  let totals: UnsafeMutableBufferPointer<Total>
  let tracks: UnsafeMutableBufferPointer<Track>
  let filters: UnsafeMutableBufferPointer<Filter>
  let conditions: UnsafeMutableBufferPointer<Condition>
  let columns: UnsafeMutableBufferPointer<Column>
  /// Column of a field, -1 where it isn't kept.
  let columnOfField: UnsafeMutableBufferPointer<Int>
  /// Need the event before, and run before the ring changes.
  let previousSteps: UnsafeMutableBufferPointer<Step>
  /// Need the windows with the transaction in them; by edge.
  let windowSteps: UnsafeMutableBufferPointer<Step>
  /// Need the transaction or other features; in declared order.
  let ownSteps: UnsafeMutableBufferPointer<Step>
  /// (extra field, output) by rising field.
  let extraSteps: [(field: Int, output: Int)]
  let calendarSteps: [CalendarStep]
  let calendarZones: CalendarZones
  let coordinates: Schema.Coordinates?
  /// nil where no feature asks of the IP address.
  let geo: FeatureGeo?

  let featureCount: Int
  /// Bit per `EventField` that needs hashing.
  let hashedFields: UInt16
  /// Bytes before the token in a block: the base time, then totals, then counts and edges.
  let stateSize: Int
  let bitmapCount: Int
  let timesOffset: Int
  let narrowEventSize: Int
  let wideEventSize: Int
  /// How far back any window reaches, ms, and how long events are kept for it or for labels, and for lateness.
  let reachMax: Int64
  let labelReach: Int64
  /// The same of features without a resolution; before all times where there are none that ask the ring.
  let exactReachMax: Int64
  /// nil where no feature has one.
  let coarse: CoarsePlan?
  let allowedLateness: Int64
  let eventsMax: Int
  /// Computed once; asked for each entity of a snapshot.
  lazy var fingerprintKept = fingerprint
  let retention: Int64

  init(_ features: FeatureSet, allowedLateness: Int64) {
    let draft = PlanDraft(features)
    self.features = features
    kind = features.entity
    self.allowedLateness = allowedLateness
    lags = Self.stored(draft.lags)
    edges = Self.stored(draft.edges)
    totals = Self.stored(draft.totals)
    tracks = Self.stored(draft.tracks)
    filters = Self.stored(draft.filters)
    conditions = Self.stored(draft.conditions)
    columns = Self.stored(draft.columns)
    columnOfField = Self.stored(
      EventField.allCases.map { field in draft.columns.firstIndex { $0.field == field } ?? -1 })
    previousSteps = Self.stored(draft.previousSteps)
    windowSteps = Self.stored(draft.windowSteps)
    ownSteps = Self.stored(draft.ownSteps)
    extraSteps = draft.extraSteps.sorted { $0.field < $1.field }
    calendarSteps = draft.calendarSteps
    coordinates = features.coordinates
    geo = features.geo.isEmpty ? nil : features.geo
    calendarZones = CalendarZones(features.zones)
    featureCount = features.count
    hashedFields = draft.columns.reduce(0) { $1.field.isHashed ? $0 | 1 << $1.field.rawValue : $0 }
    stateSize = draft.stateSize
    bitmapCount = draft.bitmapCount
    timesOffset = draft.timesOffset
    narrowEventSize = draft.narrowEventSize
    wideEventSize = draft.wideEventSize
    reachMax = draft.reachMax
    labelReach = features.labelReach
    retention = max(draft.reachMax, features.labelReach) + allowedLateness
    let coarse = CoarsePlan(features, draft.windowSteps) { draft.filterIndex($0) }
    self.coarse = coarse
    let asksRing = draft.windowSteps.count > coarse?.steps.count ?? 0 || !draft.previousSteps.isEmpty
    exactReachMax = coarse == nil || asksRing ? features.features.reduce(0) { max($0, $1.aggregate.exactReach) } : -(1 << 60)
    eventsMax = features.eventsPerEntityMax
  }

  deinit {
    for condition in conditions { condition.bits.deallocate() }
    lags.deallocate()
    edges.deallocate()
    totals.deallocate()
    tracks.deallocate()
    filters.deallocate()
    conditions.deallocate()
    columns.deallocate()
    columnOfField.deallocate()
    previousSteps.deallocate()
    windowSteps.deallocate()
    ownSteps.deallocate()
  }

  private static func stored<T>(_ array: [T]) -> UnsafeMutableBufferPointer<T> {
    let buffer = UnsafeMutableBufferPointer<T>.allocate(capacity: array.count)
    _ = buffer.initialize(from: array)
    return buffer
  }

  /// Bytes of a block for `capacity` events.
  func blockSize(capacity: Int, tokenLength: Int, isWide: Bool) -> Int {
    bitmapsOffset(tokenLength: tokenLength) + bitmapCount * Bitmap.wordCount(capacity) * 8
      + capacity * (isWide ? wideEventSize : narrowEventSize)
  }

  @inline(__always) func bitmapsOffset(tokenLength: Int) -> Int { (stateSize + tokenLength + 7) & ~7 }

  /// Does the event that `value` reads pass? `value` answers a field's stored value.
  @inline(__always) func passes(_ filter: Filter, amount: Int64, _ value: (EventField) -> UInt64) -> Bool {
    guard amount > filter.amountAbove, amount < filter.amountBelow else { return false }
    for index in filter.conditions {
      let condition = conditions[index]
      let code = value(condition.field)
      guard code < condition.limit, condition.bits[Int(code >> 6)] >> (code & 63) & 1 == 1 else { return false }
    }
    return true
  }
}
