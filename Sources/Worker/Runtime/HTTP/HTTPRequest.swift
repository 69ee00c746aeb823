import NIOCore
import NIOHTTP1
import Wire

/// One request, whole.
public struct HTTPRequest: Sendable {
  public let method: HTTPMethod
  /// As sent, without the query; not percent-decoded.
  public let path: String
  /// What stands behind the question mark; empty where there is none.
  public let query: String
  public let headers: HTTPHeaders
  public let body: ByteBuffer
  /// The caller's `X-Request-Id`, or one made here. The same on every log line of the request's way.
  public let id: String

  public init(method: HTTPMethod, uri: String, headers: HTTPHeaders = [:], body: ByteBuffer = ByteBuffer(), id: String = "") {
    self.method = method
    let target = Self.originForm(uri)
    let mark = target.firstIndex(of: "?")
    path = String(target[..<(mark ?? target.endIndex)])
    query = mark.map { String(target[target.index(after: $0)...]) } ?? ""
    self.headers = headers
    self.body = body
    self.id = id
  }

  /// The value of the first query parameter of this name, as sent.
  public func queryValue(_ name: String) -> Substring? {
    for pair in query.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts[0] == name { return parts.count == 2 ? parts[1] : "" }
    }
    return nil
  }

  /// The path and query of a target that may be a whole URI, as proxies send it (RFC 9112, section 3.2.2).
  private static func originForm(_ uri: String) -> Substring {
    guard !uri.hasPrefix("/"), let scheme = uri.firstRange(of: "://") else { return uri[...] }
    let rest = uri[scheme.upperBound...]
    return rest.firstIndex(of: "/").map { rest[$0...] } ?? "/"
  }
}

/// `X-Request-Id`: taken from the caller where it is fit to be logged and sent back, made otherwise.
enum RequestName {
  static let header = "x-request-id"
  static let lengthMax = 128

  static func of(_ headers: HTTPHeaders) -> String {
    if let given = headers.first(name: header), isFit(given) { return given }
    return hexadecimal(UInt64.random(in: 0 ... .max))
  }

  /// Visible ASCII without quotes and backslashes: it stands in headers and in log lines.
  private static func isFit(_ text: String) -> Bool {
    (1...lengthMax).contains(text.utf8.count) && text.utf8.allSatisfy { (33...126).contains($0) && $0 != 34 && $0 != 92 }
  }
}
