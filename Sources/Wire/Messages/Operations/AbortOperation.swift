/// Asks the coordinator to give an operation up. The answer is an `Operations` with its record as it is then, which may
/// be `aborting` for as long as things are being taken back; a `failure` if it is over or past the point of no return.
public struct AbortOperation: ClusterMessage {
  public static var kind: FrameKind { .abortOperation }

  public var id: OperationID

  public init(_ id: OperationID) { self.id = id }

  public func write(to out: inout WireWriter) { out.write(id.rawValue) }

  public init(from reader: inout WireReader) throws(WireError) { id = OperationID(try reader.read(UInt32.self)) }
}
