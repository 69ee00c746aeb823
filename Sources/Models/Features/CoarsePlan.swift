/// What a plan needs beyond its rings: features with a `resolution` count events that a hot entity's ring has dropped by stretches
/// of that length.
struct CoarsePlan {
  /// Stretches of a window and the lateness before it, at most.
  static let stretchesMax: Int64 = 4_096
  /// As a snapshot may have them: those that no event has pushed out yet, too.
  static let stretchesLimit = 1 << 16

  /// A run of stretches, for all features that ask for the same.
  struct Run: Equatable {
    let resolution: Int64
    let filter: EventFilter?
    /// In the plan's filters, -1 for none.
    var filterIndex: Int
    /// Of the longest window.
    var reach: Int64

    /// What `other` has kept is all that this one needs.
    func isCovered(by other: Run) -> Bool { resolution == other.resolution && filter == other.filter && reach <= other.reach }
  }

  struct Sketch: Equatable {
    let resolution: Int64
    let field: EventField
    let filter: EventFilter?
    var filterIndex: Int
    var reach: Int64

    func isCovered(by other: Sketch) -> Bool {
      resolution == other.resolution && field == other.field && filter == other.filter && reach <= other.reach
    }
  }

  struct Step {
    /// As the ring computes it.
    let step: FeaturePlan.Step
    let reach: Int64
    let lag: Int64
    let resolution: Int64
    /// Of runs or, for distinct counts, sketches.
    let part: Int
  }

  private(set) var runs: [Run] = []
  private(set) var sketches: [Sketch] = []
  private(set) var steps: [Step] = []

  /// nil where no feature has a resolution. `index` finds a filter's place in the plan.
  init?(_ features: FeatureSet, _ windowSteps: [FeaturePlan.Step], index: (EventFilter?) -> Int) {
    for step in windowSteps {
      switch features.features[step.output].aggregate {
      case .statistic(_, let window, let filter):
        guard let resolution = window.resolution else { continue }
        let part = run(resolution, filter, index(filter), window.reach)
        steps.append(Step(step: step, reach: window.reach, lag: window.lag, resolution: resolution, part: part))
      case .distinct(let field, let window, let filter):
        guard let resolution = window.resolution else { continue }
        let part = sketch(resolution, field, filter, index(filter), window.reach)
        steps.append(Step(step: step, reach: window.reach, lag: window.lag, resolution: resolution, part: part))
      default: break
      }
    }
    if steps.isEmpty { return nil }
  }

  private mutating func run(_ resolution: Int64, _ filter: EventFilter?, _ filterIndex: Int, _ reach: Int64) -> Int {
    if let known = runs.firstIndex(where: { $0.resolution == resolution && $0.filter == filter }) {
      runs[known].reach = max(runs[known].reach, reach)
      return known
    }
    runs.append(Run(resolution: resolution, filter: filter, filterIndex: filterIndex, reach: reach))
    return runs.count - 1
  }

  private mutating func sketch(
    _ resolution: Int64, _ field: EventField, _ filter: EventFilter?, _ filterIndex: Int, _ reach: Int64
  ) -> Int {
    let known = sketches.firstIndex { $0.resolution == resolution && $0.field == field && $0.filter == filter }
    if let known {
      sketches[known].reach = max(sketches[known].reach, reach)
      return known
    }
    sketches.append(Sketch(resolution: resolution, field: field, filter: filter, filterIndex: filterIndex, reach: reach))
    return sketches.count - 1
  }
}
