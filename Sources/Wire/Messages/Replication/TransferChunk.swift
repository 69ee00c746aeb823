/// A piece of a snapshot's file, in a session (R13). The file is named by its offset and the hash of its manifest, so that a
/// target never puts pieces of two together.
public struct TransferChunk: ClusterMessage {
  public static var kind: FrameKind { .transferChunk }

  public var partition: PartitionID
  public var session: TransferID
  /// The snapshot's.
  public var snapshot: Offset
  /// Bytes of the whole file.
  public var fileSize: UInt64
  /// Hash of the file's manifest.
  public var manifestHigh: UInt64
  public var manifestLow: UInt64
  /// Where in the file `bytes` begin.
  public var at: UInt64
  /// Fewer than asked for only at the file's end.
  public var bytes: [UInt8]

  public init(
    partition: PartitionID, session: TransferID, snapshot: Offset, fileSize: UInt64, manifestHigh: UInt64, manifestLow: UInt64, at: UInt64,
    bytes: [UInt8]
  ) {
    self.partition = partition
    self.session = session
    self.snapshot = snapshot
    self.fileSize = fileSize
    self.manifestHigh = manifestHigh
    self.manifestLow = manifestLow
    self.at = at
    self.bytes = bytes
  }

  public func write(to out: inout WireWriter) {
    out.write(partition.rawValue)
    out.write(session.rawValue)
    out.write(snapshot.rawValue)
    out.write(fileSize)
    out.write(manifestHigh)
    out.write(manifestLow)
    out.write(at)
    out.write(block: bytes)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    partition = PartitionID(try reader.read(UInt32.self))
    session = TransferID(try reader.read(UInt64.self))
    snapshot = Offset(try reader.read(UInt64.self))
    fileSize = try reader.read(UInt64.self)
    manifestHigh = try reader.read(UInt64.self)
    manifestLow = try reader.read(UInt64.self)
    at = try reader.read(UInt64.self)
    let position = reader.position
    bytes = try reader.readBlock(limit: TransferRead.lengthMax)
    guard at <= fileSize, UInt64(bytes.count) <= fileSize - at else {
      throw .invalid(at: position, "\(bytes.count) bytes at \(at) of a file of \(fileSize)")
    }
  }
}
