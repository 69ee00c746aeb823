import Wire

/// A snapshot on its way here (C4), in the session that the coordinator issued last for this partition (R13). Says what to ask for
/// next and which pieces are taken; the shell has the file, the link and the pace.
struct InboundTransfer: Sendable {
  enum Verdict: Equatable, Sendable {
    /// Of a session that is closed, or not what was asked for: nothing of it is used.
    case refused
    /// Of another file than the pieces before: what has been written is of no use, and it begins anew. The source has a newer
    /// snapshot by now.
    case anew
    /// To be written at this place in the file.
    case taken(at: Int)
  }

  /// Bytes asked for at a time.
  static let pieceBytes = 256 * 1024

  private(set) var session: TransferSession
  /// The snapshot's offset; zero before the first piece.
  private(set) var snapshot = Offset.zero
  private(set) var size = 0
  private var manifest = SnapshotHash(high: 0, low: 0)
  /// Bytes of the file that are here, from its beginning on.
  private(set) var received = 0

  init(_ session: TransferSession) { self.session = session }

  /// A later session takes the place of this one. What is here is of a file that is named by its hash, so it stays.
  mutating func renew(_ later: TransferSession) {
    precondition(later.id > session.id && later.partition == session.partition)
    session = later
  }

  var isWhole: Bool { size > 0 && received == size }

  /// What to ask the source for.
  var next: TransferRead {
    TransferRead(
      partition: session.partition, session: session.id, snapshot: snapshot, at: UInt64(received),
      length: UInt32(size == 0 ? Self.pieceBytes : max(1, min(Self.pieceBytes, size - received))))
  }

  mutating func take(_ chunk: TransferChunk) -> Verdict {
    // R13: what a closed session still brings may be older than what this replica has acknowledged since.
    guard chunk.session == session.id || planted(.lateChunk), chunk.partition == session.partition, !chunk.bytes.isEmpty else {
      return .refused
    }
    let hash = SnapshotHash(high: chunk.manifestHigh, low: chunk.manifestLow)
    if size > 0, hash != manifest || chunk.snapshot != snapshot || Int(clamping: chunk.fileSize) != size {
      beginAnew()
      return .anew
    }
    guard Int(clamping: chunk.at) == received else { return .refused }
    if size == 0 { (snapshot, size, manifest) = (chunk.snapshot, Int(clamping: chunk.fileSize), hash) }
    defer { received += chunk.bytes.count }
    return .taken(at: received)
  }

  /// The file was damaged on its way, or is not to be had any more.
  mutating func beginAnew() { (snapshot, size, received) = (.zero, 0, 0) }
}
