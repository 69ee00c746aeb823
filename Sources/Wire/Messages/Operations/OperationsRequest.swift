/// Asks for one operation, or for all that the store remembers. The answer is an `Operations`; for one that is not
/// there, a `failure`.
public struct OperationsRequest: ClusterMessage {
  public static var kind: FrameKind { .operationsRequest }

  /// Nil: all of them.
  public var id: OperationID?

  public init(_ id: OperationID? = nil) { self.id = id }

  public func write(to out: inout WireWriter) { out.write(id?.rawValue ?? 0) }

  public init(from reader: inout WireReader) throws(WireError) {
    let number = try reader.read(UInt32.self)
    id = number == 0 ? nil : OperationID(number)
  }
}
