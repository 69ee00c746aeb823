/// Asks the coordinator to begin an operation, or only to say what it would do. The answer is an `OperationStarted`, or
/// a `failure` that says what stands against it.
public struct StartOperation: ClusterMessage {
  public static var kind: FrameKind { .startOperation }

  public var request: OperationRequest
  /// Only the plan is wanted; nothing begins.
  public var isDryRun: Bool
  /// A random number: sent again with the same one, the request begins nothing new.
  public var token: UInt64

  public init(_ request: OperationRequest, isDryRun: Bool, token: UInt64) {
    self.request = request
    self.isDryRun = isDryRun
    self.token = token
  }

  public func write(to out: inout WireWriter) {
    request.write(to: &out)
    out.write(isDryRun)
    out.write(token)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    request = try OperationRequest(from: &reader)
    isDryRun = try reader.readBool()
    token = try reader.read(UInt64.self)
  }
}
