import NIOCore
import NIOHTTP1

/// One response, whole. Length, connection and request id are added when it is sent.
public struct HTTPResponse: Sendable {
  public var status: HTTPResponseStatus
  public var contentType: StaticString
  /// Further headers; names and values are the server's own, never the caller's text.
  public var headers: [(StaticString, String)] = []
  public var body: ByteBuffer

  public init(_ status: HTTPResponseStatus, contentType: StaticString = "application/json", body: ByteBuffer) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  public static func text(_ text: String, contentType: StaticString = "text/plain; charset=utf-8") -> HTTPResponse {
    HTTPResponse(.ok, contentType: contentType, body: ByteBuffer(string: text))
  }
}

/// What the caller is told when it gets no answer:
/// ```json
/// {"error":{"code":"missing_field","message":"a transaction needs this field","field":"card"}}
/// ```
/// `code` never changes its meaning; `message` is for people. Never a token or an amount in either.
public struct HTTPProblem: Error, Equatable, Sendable {
  public var status: HTTPResponseStatus
  public var code: String
  public var message: String
  /// Name of the schema field at fault; empty where there is none.
  public var field = ""
  /// The same request may succeed later, unchanged; `Retry-After` says when.
  public var isRetriable = false
  /// Whole seconds, for `Retry-After`.
  public var retryAfterSeconds: Int?
  /// The same more exactly, for the body.
  public var retryAfterMilliseconds: UInt32?
  /// Ids of transactions that were not answered, where the caller must send them again.
  public var unanswered: [[UInt8]] = []
  /// For `Allow`.
  public var allowed = ""

  public init(_ status: HTTPResponseStatus, _ code: String, _ message: String) {
    self.status = status
    self.code = code
    self.message = message
  }

  public var response: HTTPResponse {
    var json = JSONWriter(capacity: 128 + message.utf8.count)
    json.put("{")
    write(to: &json)
    json.put("}\n")
    var response = HTTPResponse(status, body: json.buffer)
    if let retryAfterSeconds { response.headers.append(("retry-after", String(retryAfterSeconds))) }
    if !allowed.isEmpty { response.headers.append(("allow", allowed)) }
    return response
  }

  /// `"error":{...}`.
  func write(to json: inout JSONWriter) {
    json.put("\"error\":{\"code\":")
    json.put(quoted: code)
    json.put(",\"message\":")
    json.put(quoted: message)
    if !field.isEmpty {
      json.put(",\"field\":")
      json.put(quoted: field)
    }
    if isRetriable { json.put(",\"retriable\":true") }
    if let retryAfterMilliseconds {
      json.put(",\"retry_after_ms\":")
      json.put(UInt64(retryAfterMilliseconds))
    }
    if !unanswered.isEmpty {
      json.put(",\"unanswered\":[")
      for (index, id) in unanswered.enumerated() {
        if index > 0 { json.put(",") }
        id.withUnsafeBytes { json.put(quoted: $0) }
      }
      json.put("]")
    }
    json.put("}")
  }
}
