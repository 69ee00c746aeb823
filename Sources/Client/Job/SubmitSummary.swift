/// How a file's submission ended.
public struct SubmitSummary: Codable, Sendable {
  /// Every row has been seen to; otherwise the same call goes on where this one stopped.
  public var isComplete: Bool
  /// An earlier call had done all of it: nothing was sent.
  public var wasDone: Bool
  /// Of the whole file, earlier calls included.
  public var counters: SubmitCounters
  /// Rows that this call sent and saw no decision of.
  public var failed: Int
  /// Rows of this call.
  public var rows: Int
  /// Rows sent more than once by this call, each time counted.
  public var resent: Int
  /// Why they were, and how often the cluster asked for less; of this call.
  public var retries: SubmitRetries
  /// Seconds of this call.
  public var elapsed: Double
  /// The first line not seen to, from 1, where the submission is not complete.
  public var nextLine: Int
  /// Latency of this call's decided rows, from when each was due; nil where none was decided.
  public var latency: LatencyRecorder.Summary?
  /// The first problems with rows, in words: at most `examplesMax`.
  public var examples: [String]
  /// Keys or columns that no field has, with the number of rows of this call that had them; "" for those that are not named
  /// for they are long or may be data. What stands there is passed over.
  public var unknown: [String: Int] = [:]
  /// What the cluster said last, where rows failed.
  public var problem: String?

  public static let examplesMax = 10

  /// Rows a second.
  public var rate: Double { elapsed > 0 ? Double(rows) / elapsed : 0 }
}

/// How far a file's submission is.
public struct SubmitProgress: Sendable {
  /// Bytes of the file up to the first row without an outcome, and all of them.
  public var bytesDone: Int64
  public var bytesTotal: Int64
  /// Rows with an outcome, of this call.
  public var rows: Int
  /// Rows a second, of late.
  public var rate: Double
  /// Seconds left at the present pace; nil while nothing moves.
  public var secondsLeft: Double?
  /// Why nothing moves, where that is known.
  public var problem: String?
  /// Keys or columns seen so far that no field has.
  public var unknown: [String] = []

  public var fraction: Double { bytesTotal > 0 ? Double(bytesDone) / Double(bytesTotal) : 1 }
}
