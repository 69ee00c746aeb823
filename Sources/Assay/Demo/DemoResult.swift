import Client
import Models
import Wire

/// What became of every transaction of a stream, in its order, next to what is true of it.
struct DemoResult: Sendable {
  enum Outcome: UInt8, Sendable { case open, approved, reviewed, declined, rejected, failed }

  /// The ids' numbers: generated ids are `x_` and 16 hexadecimal digits.
  private(set) var ids: [UInt64] = []
  private var scores: [Float] = []
  /// 0 is genuine, else the pattern's number plus 1.
  private var labels: [UInt8] = []
  private var outcomes: [Outcome] = []
  private(set) var alerts = 0
  private(set) var rejections: [String: Int] = [:]

  var seconds = 0.0
  var isInterrupted = false
  var latency: LatencyRecorder.Summary?
  var resent = 0
  var problem: String?

  init(capacity: Int) {
    let capacity = min(capacity, 10_000_000)
    ids.reserveCapacity(capacity)
    scores.reserveCapacity(capacity)
    labels.reserveCapacity(capacity)
    outcomes.reserveCapacity(capacity)
  }

  var count: Int { ids.count }
  var decided: Int { outcomes.count { Self.isDecided($0) } }

  func count(of outcome: Outcome) -> Int { outcomes.count { $0 == outcome } }
  func outcome(_ index: Int) -> Outcome { outcomes[index] }
  func pattern(_ index: Int) -> FraudPattern? { labels[index] == 0 ? nil : FraudPattern(rawValue: labels[index] - 1) }

  static func isDecided(_ outcome: Outcome) -> Bool { outcome == .approved || outcome == .reviewed || outcome == .declined }

  /// Answers the row's index.
  mutating func append(id: [UInt8], pattern: FraudPattern?) -> Int {
    guard let number = Self.number(id.span.bytes) else { preconditionFailure("a generated id is x_ and 16 digits") }
    ids.append(number)
    scores.append(0)
    labels.append(pattern.map { $0.rawValue + 1 } ?? 0)
    outcomes.append(.open)
    return ids.count - 1
  }

  mutating func decide(_ index: Int, _ decision: Decision) {
    scores[index] = decision.score.isNaN ? 0 : decision.score
    switch decision.action {
    case .approve: outcomes[index] = .approved
    case .review: outcomes[index] = .reviewed
    case .decline: outcomes[index] = .declined
    }
    if decision.verdict == .potentialFraud { alerts += 1 }
  }

  mutating func reject(_ index: Int, _ rejection: Rejection?) {
    outcomes[index] = .rejected
    rejections[rejection?.reason.code ?? "refused", default: 0] += 1
  }

  mutating func fail(_ index: Int) { outcomes[index] = .failed }

  /// The number of a generated id; nil for any other.
  static func number(_ id: RawSpan) -> UInt64? {
    guard id.byteCount == 18, id.unsafeLoad(as: UInt8.self) == UInt8(ascii: "x") else { return nil }
    var number: UInt64 = 0
    for index in 2..<18 {
      let byte = id.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      default: return nil
      }
      number = number << 4 | UInt64(digit)
    }
    return number
  }

  // MARK: - Against the labels

  /// Decided rows only.
  var averagePrecision: Double {
    let rows = outcomes.indices.filter { Self.isDecided(outcomes[$0]) }
    return Evaluation.averagePrecision(scores: rows.map { scores[$0] }, labels: rows.map { labels[$0] != 0 })
  }

  /// Flagged (reviewed or declined) against labels, over the decided rows.
  var confusion: ConfusionCounts {
    var counts = ConfusionCounts()
    for (outcome, label) in zip(outcomes, labels) where Self.isDecided(outcome) {
      counts.count(predicted: outcome != .approved, actual: label != 0)
    }
    return counts
  }

  struct PatternCount: Sendable, Codable {
    var pattern: String
    var planted: Int
    var flagged: Int
    var recall: Double { planted == 0 ? 0 : Double(flagged) / Double(planted) }
  }

  var patterns: [PatternCount] {
    FraudPattern.allCases.map { pattern in
      var counts = PatternCount(pattern: pattern.name, planted: 0, flagged: 0)
      for (outcome, label) in zip(outcomes, labels) where label == pattern.rawValue + 1 && Self.isDecided(outcome) {
        counts.planted += 1
        if outcome != .approved { counts.flagged += 1 }
      }
      return counts
    }
  }
}
