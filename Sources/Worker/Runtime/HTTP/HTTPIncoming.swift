import NIOCore
import NIOHTTP1

/// A request while it is being read.
struct HTTPIncoming {
  let head: HTTPRequestHead
  let id: String
  private(set) var body = ByteBuffer()
  /// Reserved of the server's bound on bodies; given back when the request has been answered.
  private(set) var bodyBytes = 0
  /// The client waits for `100 Continue`.
  var owesContinue = false

  init(_ head: HTTPRequestHead) {
    self.head = head
    id = RequestName.of(head.headers)
  }

  var request: HTTPRequest {
    HTTPRequest(method: head.method, uri: head.uri, headers: head.headers, body: body, id: id)
  }

  /// After a request to upgrade the decoder reads no further: the connection can't be used again.
  var keepsAlive: Bool { head.isKeepAlive && head.method != .CONNECT && !head.headers.contains(name: "upgrade") }

  /// Gives back what was reserved, and the body with it.
  mutating func release(_ shared: HTTPShared) {
    shared.release(bodyBytes: bodyBytes)
    bodyBytes = 0
    body = ByteBuffer()
  }

  /// Judges the head; a body over the bound is refused before a byte of it is taken.
  mutating func begin(_ options: HTTPOptions) throws(HTTPProblem) {
    let headers = head.headers
    if head.version != .http1_0, headers["host"].count != 1 {
      throw HTTPProblem(.badRequest, "malformed_request", "a request of HTTP/1.1 has one Host header")
    }
    if let length = headers.first(name: "content-length").flatMap({ Int($0) }), length > options.bodyMax {
      throw Self.tooLarge(options)
    }
    if let encoding = headers.first(name: "content-encoding"), encoding.lowercased() != "identity" {
      throw HTTPProblem(.unsupportedMediaType, "unsupported_encoding", "bodies are taken as they are, without Content-Encoding")
    }
    if let expectation = headers.first(name: "expect"), head.version != .http1_0 {
      guard expectation.lowercased() == "100-continue" else {
        throw HTTPProblem(.expectationFailed, "unknown_expectation", "of Expect only 100-continue is known")
      }
      owesContinue = true
    }
  }

  mutating func take(_ bytes: ByteBuffer, _ shared: HTTPShared) throws(HTTPProblem) {
    var bytes = bytes
    let count = bytes.readableBytes
    owesContinue = false
    guard bodyBytes + count <= shared.options.bodyMax else { throw Self.tooLarge(shared.options) }
    guard shared.reserve(bodyBytes: count) else {
      var problem = HTTPProblem(
        .tooManyRequests, "busy", "the bodies of all requests under way are more than this worker holds; try again")
      problem.isRetriable = true
      problem.retryAfterSeconds = 1
      throw problem
    }
    bodyBytes += count
    if body.readableBytes == 0 { body = bytes } else { body.writeBuffer(&bytes) }
  }

  private static func tooLarge(_ options: HTTPOptions) -> HTTPProblem {
    HTTPProblem(.payloadTooLarge, "body_too_large", "a body has at most \(options.bodyMax) bytes; send fewer transactions at a time")
  }

  /// What the client is told of a request that can't be read; nil where the connection itself is at fault.
  static func problem(_ error: any Error, speaksTLS: Bool) -> HTTPProblem? {
    guard let error = error as? HTTPParserError else { return nil }
    switch error {
    case .headerOverflow:
      return HTTPProblem(.requestHeaderFieldsTooLarge, "head_too_large", "the request line and headers are too large")
    case .invalidVersion:
      return HTTPProblem(.httpVersionNotSupported, "unsupported_version", "this server speaks HTTP/1.1")
    case .invalidEOFState, .closedConnection: return nil
    default:
      return speaksTLS
        ? HTTPProblem(.badRequest, "plain_http", "this port speaks no TLS: use http:// instead of https://")
        : HTTPProblem(.badRequest, "malformed_request", "this is not an HTTP/1.1 request")
    }
  }
}

extension HTTPConnection {
  func received(_ head: HTTPRequestHead) {
    if case .refused = intake { return }
    var incoming = HTTPIncoming(head)
    do throws(HTTPProblem) {
      try incoming.begin(loop.options)
      changeIntake(.body(incoming))
    } catch {
      changeIntake(.body(incoming))
      refuse(error)
    }
  }

  func received(_ bytes: ByteBuffer) {
    guard case .body(var incoming) = intake else { return }
    // Emptied, so that the body has one owner and grows in place.
    intake = .head
    do throws(HTTPProblem) {
      try incoming.take(bytes, loop.shared)
      intake = .body(incoming)
    } catch {
      intake = .body(incoming)
      refuse(error)
    }
  }

  func receivedEnd() {
    guard case .body(let incoming) = intake else { return }
    changeIntake(incoming.keepsAlive ? .between : .refused)
    waiting.append(.request(incoming))
  }

  /// Answers, in its turn, the request that is being read, and reads no further one.
  func refuse(_ problem: HTTPProblem) {
    if case .refused = intake { return }
    waiting.append(.refusal(problem, abandonIntake()))
  }
}
