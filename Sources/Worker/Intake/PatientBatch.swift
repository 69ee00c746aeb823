import Wire

/// A batch whose sender waits: rows that meet a failover are tried again, by their transaction ids, until all have an
/// outcome or the sender's deadline has come. What is left to do, without doing it. Times are nanoseconds.
public struct PatientBatch {
  public enum Next: Equatable, Sendable {
    /// Every row has its outcome, or will not get another one by trying again.
    case done
    /// Rows are to be tried again then, or as soon as there is a new map.
    case again(at: Int64)
    /// Before the rows could be tried again, the deadline will have come. Rows may still be under way.
    case late
  }

  /// Between two tries; doubled from try to try. A failover is over when the map says so, and then the rows go at once:
  /// this is for what no map tells, such as a primary that does not serve yet.
  static var delayMin: Int64 { 5_000_000 }
  static var delayMax: Int64 { 100_000_000 }

  public let deadline: Int64
  public private(set) var answer: Decisions
  /// Places of the rows that have no outcome yet, ascending.
  public private(set) var open: [Int]
  /// How often rows were tried so far.
  public private(set) var tries = 0
  /// The same, since the newest map: how often those of before were asked in vain says nothing of who leads now.
  private var triesByMap = 0

  /// Labels have time, and go as fast as they are taken.
  private let waitsWhileBusy: Bool

  public init(rowCount: Int, deadline: Int64, waitsWhileBusy: Bool = false) {
    self.deadline = deadline
    self.waitsWhileBusy = waitsWhileBusy
    answer = .pending(rowCount: rowCount)
    open = Array(0..<rowCount)
  }

  /// The rows that are open are tried now; their places.
  public mutating func begin() -> [Int] {
    tries += 1
    triesByMap += 1
    return open
  }

  /// There is a new map.
  public mutating func mapChanged() { triesByMap = 0 }

  /// What came of the rows at `places`, so far or for good. `spread`, 0 to 1, keeps batches that failed together apart.
  public mutating func take(_ part: Decisions, at places: [Int], now: Int64, spread: Double) -> Next {
    answer.merge(part, at: places)
    let waitsWhileBusy = waitsWhileBusy
    open.removeAll { place in
      let outcome = answer.outcomes[place]
      return outcome.status != .retry || !Self.isWorthWaiting(outcome.failure ?? .unavailable, whileBusy: waitsWhileBusy)
    }
    guard !open.isEmpty else { return .done }
    let whole = min(Self.delayMax, Self.delayMin << Int64(max(1, min(triesByMap, 16)) - 1))
    let at = now + whole - Int64(spread * Double(whole / 2))
    return at < deadline ? .again(at: at) : .late
  }

  /// The deadline has come: rows without an outcome are told so. They may have been decided all the same.
  public mutating func expire() -> Decisions {
    for place in open { answer.outcomes[place].failure = .deadline }
    open.removeAll()
    return answer
  }

  /// A worker with too much to do says so, and the sender is told at once: waiting here would only hide it, and grow.
  /// A full disk needs an operator.
  private static func isWorthWaiting(_ code: FailureCode, whileBusy: Bool) -> Bool {
    code.isRetriable && (code != .busy || whileBusy) && code != .storageFull && code != .shuttingDown
  }
}
