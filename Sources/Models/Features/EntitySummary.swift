import Wire

/// What is known of the events that a hot entity's ring has dropped while windows still reach back to them (W1): by stretches of
/// time, for the features that have a `resolution`. An entity has one from the first such event on, until its last has left
/// all windows. Its size is bounded by the stretches and the sketches' registers, whatever comes.
struct EntitySummary: Sendable {
  private(set) var runs: [BucketRun]
  private(set) var sketches: [DistinctSketch]
  /// The newest time of an event that was dropped.
  private(set) var droppedUntil = Int64.min
  /// Events up to here may have been dropped without being counted: under features that did not ask.
  private(set) var missingUntil: Int64

  init(_ coarse: CoarsePlan, missingUntil: Int64) {
    runs = coarse.runs.map { _ in BucketRun() }
    sketches = coarse.sketches.map { _ in DistinctSketch() }
    self.missingUntil = missingUntil
  }

  var memoryBytes: Int { runs.reduce(0) { $0 + $1.memoryBytes } + sketches.reduce(0) { $0 + $1.memoryBytes } + 64 }

  /// Distinct counts are of all events since the summary began. `newest` is the entity's newest time.
  mutating func see(_ plan: FeaturePlan, time: Int64, amount: Int64, newest: Int64, _ value: (EventField) -> UInt64) {
    for (index, sketch) in plan.coarse!.sketches.enumerated() {
      let stored = value(sketch.field)
      guard stored != 0, sketch.filterIndex < 0 || plan.passes(plan.filters[sketch.filterIndex], amount: amount, value) else { continue }
      sketches[index].add(
        stored, stretch: BucketRun.number(time, sketch.resolution),
        forgetting: BucketRun.number(newest - sketch.reach - plan.allowedLateness, sketch.resolution))
    }
  }

  /// The event leaves the ring, or never gets into it.
  mutating func drop(_ plan: FeaturePlan, time: Int64, amount: Int64, newest: Int64, _ value: (EventField) -> UInt64) {
    for (index, run) in plan.coarse!.runs.enumerated() {
      guard run.filterIndex < 0 || plan.passes(plan.filters[run.filterIndex], amount: amount, value) else { continue }
      runs[index].add(BucketRun.number(time, run.resolution), amount: amount)
      runs[index].drop(upTo: BucketRun.number(newest - run.reach - plan.allowedLateness, run.resolution))
    }
    droppedUntil = max(droppedUntil, time)
  }

  /// Under other features: what they share is kept, of the rest nothing is known of the events dropped so far. `isWhole` if there is
  /// no such rest.
  func moved(from old: CoarsePlan, to new: CoarsePlan) -> (summary: EntitySummary, isWhole: Bool) {
    var moved = EntitySummary(new, missingUntil: missingUntil)
    moved.droppedUntil = droppedUntil
    var isWhole = true
    for (index, run) in new.runs.enumerated() {
      if let known = old.runs.firstIndex(where: { run.isCovered(by: $0) }) { moved.runs[index] = runs[known] } else { isWhole = false }
    }
    for (index, sketch) in new.sketches.enumerated() {
      if let known = old.sketches.firstIndex(where: { sketch.isCovered(by: $0) }) {
        moved.sketches[index] = sketches[known]
      } else {
        isWhole = false
      }
    }
    if !isWhole { moved.missingUntil = max(missingUntil, droppedUntil) }
    return (moved, isWhole)
  }

  // MARK: Codec

  /// `i64 missing until, i64 dropped until, u8 runs, u8 sketches, then each`.
  func write(to out: inout WireWriter) {
    out.write(missingUntil)
    out.write(droppedUntil)
    out.write(UInt8(runs.count))
    out.write(UInt8(sketches.count))
    for run in runs { run.write(to: &out) }
    for sketch in sketches { sketch.write(to: &out) }
  }

  /// - Throws: also where it has other parts than the plan.
  init(reading bytes: RawSpan, _ coarse: CoarsePlan) throws(WireError) {
    var reader = WireReader(bytes)
    missingUntil = try reader.read(Int64.self)
    droppedUntil = try reader.read(Int64.self)
    guard Int(try reader.read(UInt8.self)) == coarse.runs.count, Int(try reader.read(UInt8.self)) == coarse.sketches.count else {
      throw .invalid(at: 16, "a summary has other parts than its features need")
    }
    runs = []
    sketches = []
    for _ in coarse.runs { runs.append(try BucketRun(from: &reader)) }
    for _ in coarse.sketches { sketches.append(try DistinctSketch(from: &reader)) }
    try reader.finish()
  }

  /// Equal for equal contents.
  var digest: UInt64 {
    var out = WireWriter()
    write(to: &out)
    return out.bytes.withUnsafeBytes { hash64($0, seed: 1) }
  }
}
