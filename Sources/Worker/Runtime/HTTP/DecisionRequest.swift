import NIOHTTP1
import Wire

/// How long callers of `POST /v1/decisions` are kept waiting, in milliseconds.
public struct HTTPDeadlines: Sendable, Equatable {
  /// Of a request that says nothing of it.
  public var standard: Int
  /// The most that a request may ask for.
  public var longest: Int

  public init(standard: Int = 1_000, longest: Int = 60_000) {
    precondition(standard >= 1 && standard <= longest, "a deadline is 1 ms to the longest one")
    self.standard = standard
    self.longest = longest
  }
}

/// What a `POST /v1/decisions` asks for, beside its body.
struct DecisionRequest: Equatable {
  /// How long the caller waits, from the request's last byte on.
  var deadlineMilliseconds: Int
  var withFeatures = false
  /// When the caller first sent the oldest of these transactions, if he says it is a retry: one from before the dedup
  /// horizon is refused rather than decided again.
  var firstSent: Int64?

  /// How far ahead of this worker's clock a caller's may be. What the partition's primary bears may be less (`LoggedTime`).
  static let aheadMax: Int64 = 600_000

  init(_ request: HTTPRequest, _ deadlines: HTTPDeadlines, now: Int64) throws(HTTPProblem) {
    deadlineMilliseconds = deadlines.standard
    let headers = request.headers
    let mediaType = headers.first(name: "content-type")?.split(separator: ";").first?.lowercased()
    guard mediaType?.trimmed() == "application/json" else {
      throw HTTPProblem(
        .unsupportedMediaType, "unsupported_media_type", "transactions are taken as JSON: send Content-Type: application/json")
    }
    if let text = headers.first(name: "assay-deadline-ms") {
      guard let value = Int(text), (1...deadlines.longest).contains(value) else {
        throw Self.invalid("Assay-Deadline-Ms is a whole number from 1 to \(deadlines.longest)")
      }
      deadlineMilliseconds = value
    }
    if let text = headers.first(name: "assay-first-sent-ms") {
      guard let value = Int64(text), value >= 0 else {
        throw Self.invalid("Assay-First-Sent-Ms is a time in milliseconds since 1970")
      }
      guard value <= now + Self.aheadMax else {
        throw Self.invalid("Assay-First-Sent-Ms lies ahead of this worker's clock by more than ten minutes; set the clock that is wrong")
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
