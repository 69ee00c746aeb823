import Models
import Wire

/// Names a request within one shard while it is under way.
public struct RequestID: Hashable, Sendable {
  public let rawValue: Int
  public init(_ rawValue: Int) { self.rawValue = rawValue }
}

/// One row of a `Submit`, validated and routed: a transaction record, and the label behind it in a batch of labels.
public struct RoutedRow: Sendable {
  /// Bytes of the row in the payload.
  public var range: Range<Int>
  public var key: KeyHash
  /// Place of the row in the request.
  public var index: Int
  /// The home partition by the map that was used.
  public var partition: PartitionID

  public init(range: Range<Int>, key: KeyHash, index: Int, partition: PartitionID) {
    self.range = range
    self.key = key
    self.index = index
    self.partition = partition
  }
}

/// What became of one row.
public struct RowOutcome: Sendable {
  public enum Status: UInt8, Sendable { case pending, decided, duplicate, rejected, retry, applied, alreadyApplied }

  public var status = Status.pending
  public var reject = RejectReason.malformed
  public var failure = FailureCode.unavailable
  /// Index into the request's bundles.
  public var bundle: UInt8 = 0
  public var partition = PartitionID(0)
  public var offset = Offset.zero
  public var decision = Decision(score: 0, action: .approve, verdict: .clear, flags: [], reasons: Decision.noReasons)
  /// Of the hot items of lists that it was decided under; 0 for none.
  public var listVersion: UInt64 = 0
  /// Row of the request's feature matrix, -1 for none.
  public var features: Int32 = -1

  public init() {}

  /// Another transaction has its id; until that one has committed, the answer waits.
  var isConflict: Bool { status == .rejected && reject == .conflictingDuplicate }
}

/// A batch under way on one shard, reused from request to request.
public final class Request {
  public internal(set) var outcomes: [RowOutcome] = []
  /// Bundles that outcomes refer to, in order of first use.
  public internal(set) var bundles: [Bundle] = []
  /// Row-major, as wide as the widest bundle's features; filled only for requests that ask for features.
  public internal(set) var features: [Double] = []
  public internal(set) var withFeatures = false
  /// Its rows are labels.
  public internal(set) var isOfLabels = false
  /// Rows that the schema refused, by place; others that are rejected have their reason in the outcome alone.
  public internal(set) var rejections: [Int: Rejection] = [:]
  /// Commits that the request still waits for.
  var waiting = 0
  /// Whoever is to get the answer; means something to the shell only.
  public internal(set) var token: UInt64 = 0

  func begin(token: UInt64, rows: Int, withFeatures: Bool) {
    self.token = token
    self.withFeatures = withFeatures
    isOfLabels = false
    outcomes.removeAll(keepingCapacity: true)
    outcomes.append(contentsOf: repeatElement(RowOutcome(), count: rows))
    bundles.removeAll(keepingCapacity: true)
    features.removeAll(keepingCapacity: true)
    if !rejections.isEmpty { rejections.removeAll() }
    waiting = 0
  }

  func reject(_ row: Int, _ rejection: Rejection) {
    outcomes[row].reject(rejection.reason)
    rejections[row] = rejection
  }

  func bundleIndex(_ bundle: Bundle) -> UInt8 {
    if let index = bundles.lastIndex(where: { $0 === bundle }) { return UInt8(index) }
    // At most 255 bundles can be named in one answer: far more than a dedup horizon sees.
    precondition(bundles.count < 255, "an answer names at most 255 bundles")
    bundles.append(bundle)
    return UInt8(bundles.count - 1)
  }
}
