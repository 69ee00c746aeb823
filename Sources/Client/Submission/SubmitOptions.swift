/// Bounds and times of a submission. Times are nanoseconds.
public struct SubmitOptions: Sendable {
  /// Rows of one frame, 1 to `Submit.rowsMax`.
  public var rowsPerFrame = 128
  /// Frames sent to one worker and not answered yet.
  public var framesInFlight = 16
  /// How long a row waits at most for its frame to fill while the worker has others under way. A worker without any
  /// gets what there is at once.
  public var flushInterval: Int64 = 1_000_000
  /// A frame without an answer after this is given up, and its rows are sent again.
  public var requestTimeout: Int64 = 5_000_000_000
  /// The same, from the moment when a map names another worker for some of the frame's keys.
  public var deposedTimeout: Int64 = 250_000_000
  /// A row that is not decided after this, counted from its `due`, is reported as failed.
  public var rowDeadline: Int64 = 60_000_000_000
  /// How often a row is sent at most.
  public var attemptsMax = Int(UInt16.max)
  public var backoff = Backoff(base: 5_000_000, limit: 500_000_000)
  /// Rows that may be sent again: this share of the fresh ones, and so many a second besides, saved up to a bound. The
  /// defaults let everything that is under way to one worker go again eight times at once, and twice a second from then on.
  public var retryShare = 0.2
  public var retryFloor = 4_096
  public var retryBurst = 16_384
  /// Rows taken and not reported yet.
  public var rowsMax = 32_768
  /// Bytes of those rows.
  public var bytesMax = 64 << 20
  /// Answers carry each decision's features.
  public var withFeatures = false
  /// A payment is waiting: goes before bulk traffic at the worker.
  public var isInteractive = false
  /// Each row has its label behind it, and is answered as applied: `decided` where it was news, `alreadyDecided` where it was not.
  public var isOfLabels = false

  public init() {}

  /// Bytes of a frame's rows: below the smallest payload limit that a peer may have.
  static let frameBytesMax = 60 * 1024
  /// Rows share a frame only if their first-sent times lie this close together (ms): the frame tells one time, that of
  /// the oldest, and a row must not be taken for older than the dedup horizon because of its neighbour.
  static let firstSentSpread: Int64 = 1_000
}

/// Both clocks at one moment.
public struct ClientTime: Sendable, Equatable {
  /// Monotonic, nanoseconds from an arbitrary start.
  public var nanoseconds: Int64
  /// Milliseconds since the Unix epoch.
  public var wall: Int64

  public init(nanoseconds: Int64, wall: Int64) {
    self.nanoseconds = nanoseconds
    self.wall = wall
  }
}
