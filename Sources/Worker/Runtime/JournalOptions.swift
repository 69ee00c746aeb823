import Wire

/// How a journal uses its disk. The defaults are for a disk with a few gigabytes free.
public struct JournalOptions: Sendable {
  /// What `onDurable` promises (R5).
  public enum Durability: Sendable, Equatable {
    /// A ticket is durable once fdatasync has returned for it.
    case fsync
    /// Written to the page cache within `writeDistance`; fdatasync follows when `every` nanoseconds or `behind` bytes have gathered.
    /// The caller counts a batch as held without waiting for `onDurable`.
    case replicated(every: UInt64 = 10_000_000, behind: Int = 16 * 1024 * 1024)
  }

  public var durability: Durability = .fsync
  /// Size of a segment file: a multiple of 4096, at least four times that, at most 1 GiB.
  public var segmentBytes: Int = 64 * 1024 * 1024
  /// Most record bytes in one block, unless one batch is larger: bounds what one sync waits for.
  public var blockBytesMax: Int = 4 * 1024 * 1024
  /// Least time from the beginning of one sync to the beginning of the next, under fsync. Nanoseconds.
  public var syncDistance: UInt64 = 500_000
  /// The same of one write to the next under `replicated`, where nobody waits for it: a write for a row or two is a page on the disk
  /// and a thread that takes turns with the loop.
  public var writeDistance: UInt64 = 2_000_000
  /// Bytes appended but not yet written at which `isFull` turns true. Twice that plus 64 MiB is a caller's bug.
  public var pendingBytesMax: Int = 32 * 1024 * 1024
  /// `hasRoom` is false while the disk has less than this free, not counting what segments have reserved already.
  public var freeBytesMin: Int = 256 * 1024 * 1024 + 2 * 64 * 1024 * 1024
  /// After this long without appends, a mark is written that says all is durable: damage to acknowledged blocks
  /// is then never mistaken for a torn tail. Nanoseconds.
  public var idleMarkAfter: UInt64 = 100_000_000

  public init() {}

  func validate() {
    precondition(
      segmentBytes % JournalBlock.alignment == 0 && segmentBytes >= 4 * JournalBlock.alignment
        && segmentBytes <= 1 << 30,
      "a segment is a multiple of 4096 bytes, 16 KiB to 1 GiB")
    precondition(blockBytesMax > 0 && pendingBytesMax > 0 && freeBytesMin >= 0)
  }
}

/// Names one appended batch until the process ends; tickets rise by one.
public struct JournalTicket: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public static var none: Self { Self(0) }
  public var description: String { "t\(rawValue)" }
}

/// Where an appended batch stands: `position` of its first record; the others follow directly.
public struct JournalWritten: Sendable, Equatable {
  public let ticket: JournalTicket
  public let position: JournalPosition
  public let length: Int
}

/// What opening a journal found.
public struct JournalRecovery: Sendable, Equatable {
  public struct Cut: Sendable, Equatable {
    public let position: JournalPosition
    public let sequence: JournalSequence
    public let reason: JournalBlockError
    /// Whole blocks stood behind the hole: un-synced writes of a power loss under `.replicated`. By R6 this storage
    /// then counts as new, unless every batch was meant to be lost.
    public let droppedWholeBlocks: Bool
  }

  /// The oldest segment that is left.
  public var first: UInt32 = 1
  public var records = 0
  public var bytes = 0
  public var segments = 0
  /// The last block that is kept.
  public var last = JournalSequence.none
  /// A torn tail that was cut off; nil where the journal ended properly.
  public var cut: Cut?
  /// The last block says that everything before it was durable: the journal was closed, or idle.
  public var endsWithMark = false
}

public enum JournalError: Error, Sendable, CustomStringConvertible {
  case file(FileError)
  case directoryForeign(path: String, what: String)
  /// Something in the middle is damaged, and what is damaged had been promised. Nothing was cut.
  case damaged(path: String, offset: Int, sequence: JournalSequence, durable: JournalSequence, reason: String)
  case segmentMissing(path: String, number: UInt32)
  case unreadableRecord(path: String, offset: Int, LogRecordError)
  case badPosition(JournalPosition)
  case replay(any Error)
  /// The log was cut below a partition's snapshots, and none of them can be read any more.
  case snapshotsLost(PartitionID, String)
  case closed

  public var description: String {
    switch self {
    case .file(let error): "the journal can't go on: \(error)"
    case .directoryForeign(let path, let what): "\(path) does not belong to this worker's storage: \(what)"
    case .damaged(let path, let offset, let sequence, let durable, let reason):
      "\(path) is damaged at byte \(offset): \(reason). Block \(sequence) belongs there, and blocks up to \(durable) "
        + "had been on disk, so this is no torn tail and nothing was cut. Look at it with `assay inspect log \(path)`; "
        + "to repair from the other replicas, start this worker with a new, empty data directory"
    case .segmentMissing(let path, let number):
      "\(path) is missing, and there are later segments than number \(number). Put it back, or start this worker with "
        + "a new, empty data directory so that it is repaired from the other replicas"
    case .unreadableRecord(let path, let offset, let error):
      "\(path) holds a whole record at byte \(offset) that this build can't read (\(error)); was it written by a newer one?"
    case .badPosition(let position): "no record begins at journal position \(position)"
    case .replay(let error): "a record of the journal can't be applied: \(error)"
    case .snapshotsLost(let partition, let reason):
      "no snapshot of \(partition) can be read, and its log begins behind them (\(reason)). Look at them with `assay inspect snapshot`; to "
        + "repair from the other replicas, start this worker with a new, empty data directory"
    case .closed: "the journal is closed"
    }
  }

  var isFileError: Bool { if case .file = self { true } else { false } }

  /// R15: after a failed write or sync, and where acknowledged records are gone, the process stops and its storage comes
  /// back as distrusted (`DataDirectory.distrust`). A call that changed nothing, such as reserving space, does no harm.
  public var distrustsStorage: Bool {
    switch self {
    case .file(let error): error.call == "fdatasync" || error.call == "write"
    case .damaged, .segmentMissing, .snapshotsLost: true
    default: false
    }
  }
}
