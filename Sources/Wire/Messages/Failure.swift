/// A refusal. With correlation 0 it is about the connection, which the sender then closes; otherwise it is the answer
/// to that one request.
public struct Failure: ClusterMessage, Error, CustomStringConvertible {
  public static var kind: FrameKind { .failure }

  /// Bound of `message`, in UTF-8 bytes. A longer one is cut.
  public static var messageLengthMax: Int { ClusterLimit.textLength }

  public var code: FailureCode
  public var isRetriable: Bool
  /// 0: at once, or as the caller's own back-off says.
  public var retryAfterMilliseconds: UInt32
  /// What happened, to what, and what to do. Never a token or an amount.
  public var message: String

  public init(_ code: FailureCode, _ message: String, isRetriable: Bool? = nil, retryAfterMilliseconds: UInt32 = 0) {
    self.code = code
    self.isRetriable = isRetriable ?? code.isRetriable
    self.retryAfterMilliseconds = retryAfterMilliseconds
    self.message = message.utf8.count <= Self.messageLengthMax ? message : Self.cut(message)
  }

  public var description: String { "\(code.name): \(message)" }

  private static func cut(_ text: String) -> String {
    var end = text.utf8.index(text.startIndex, offsetBy: messageLengthMax)
    while end.samePosition(in: text) == nil { end = text.utf8.index(before: end) }
    return String(text[..<end])
  }

  public func write(to out: inout WireWriter) {
    out.write(code.rawValue)
    out.write(isRetriable)
    out.write(retryAfterMilliseconds)
    out.write(message)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    // A newer peer may have codes that this build doesn't know; its message still says what happened.
    code = FailureCode(rawValue: try reader.read(UInt16.self)) ?? .internal
    isRetriable = try reader.readBool()
    retryAfterMilliseconds = try reader.read(UInt32.self)
    message = try reader.readString(limit: Self.messageLengthMax)
  }
}
