import NIOHTTP1
import Wire

/// What a `POST /v1/decisions` asks for, beside its body.
struct DecisionRequest: Equatable {
  static let deadlineDefault = 1_000
  static let deadlineMax = 60_000

  /// How long the caller waits, from the request's last byte on.
  var deadlineMilliseconds = Self.deadlineDefault
  var withFeatures = false
  /// When the caller first sent the oldest of these transactions, if he says it is a retry: one from before the dedup
  /// horizon is refused rather than decided again.
  var firstSent: Int64?

  init(_ request: HTTPRequest) throws(HTTPProblem) {
    let headers = request.headers
    let mediaType = headers.first(name: "content-type")?.split(separator: ";").first?.lowercased()
    guard mediaType?.trimmed() == "application/json" else {
      throw HTTPProblem(
        .unsupportedMediaType, "unsupported_media_type", "transactions are taken as JSON: send Content-Type: application/json")
    }
    if let text = headers.first(name: "assay-deadline-ms") {
      guard let value = Int(text), (1...Self.deadlineMax).contains(value) else {
        throw Self.invalid("Assay-Deadline-Ms is a whole number from 1 to \(Self.deadlineMax)")
      }
      deadlineMilliseconds = value
    }
    if let text = headers.first(name: "assay-first-sent-ms") {
      guard let value = Int64(text), value >= 0 else {
        throw Self.invalid("Assay-First-Sent-Ms is a time in milliseconds since 1970")
      }
      firstSent = value
    }
    if let text = request.queryValue("features").map(String.init) ?? headers.first(name: "assay-features") {
      guard let value = Bool(text) else { throw Self.invalid("features is true or false") }
      withFeatures = value
    }
    guard request.body.readableBytes > 0 else {
      throw HTTPProblem(.badRequest, "empty_body", "the body is empty; send a transaction, or an array of them, as JSON")
    }
  }

  private static func invalid(_ message: String) -> HTTPProblem { HTTPProblem(.badRequest, "invalid_parameter", message) }
}

extension String {
  fileprivate func trimmed() -> Substring {
    let start = firstIndex { !$0.isWhitespace } ?? endIndex
    let end = lastIndex { !$0.isWhitespace }.map { index(after: $0) } ?? start
    return self[start..<end]
  }
}
