import Logging
import NIOCore
import NIOHTTP1
import Wire

/// One client's connection, on its event loop: requests in, one response at a time out, in order. While a request is
/// being answered nothing further is read, so that a client who sends without reading waits in its own kernel.
final class HTTPConnection: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// What is being read.
  enum Intake {
    /// To `head` at the next byte.
    case between
    /// To `body`, or `refused`.
    case head
    /// To `between` at the request's end, or `refused`.
    case body(HTTPIncoming)
    /// For good: what still comes is dropped.
    case refused
  }

  /// A request that waits for its turn; ones that were refused wait too, for answers go out in order.
  enum Item {
    case request(HTTPIncoming)
    /// The request as far as it was read, if its head was.
    case refusal(HTTPProblem, HTTPIncoming?)
  }

  /// What is being answered.
  enum Service {
    case none
    case handling(Current)
    /// The response waits for the client to take it.
    case writing(closes: Bool, bytes: Int)
    /// A refusal has been written; the client may still be sending.
    case lingering
  }

  struct Current {
    var number: UInt64
    var label: String
    var version: HTTPVersion
    var keepAlive: Bool
    var isHead: Bool
    var requestID: String?
    var bodyBytes: Int
    var began: NIODeadline
  }

  let loop: HTTPLoop
  private let waitsForTLS: Bool
  /// Set by `HTTPDoor`: the client began with a TLS handshake.
  var speaksTLS = false
  var context: ChannelHandlerContext?
  var intake = Intake.between
  var waiting = CircularBuffer<Item>(initialCapacity: 1)
  var service = Service.none
  private var lastNumber: UInt64 = 0
  private var isAnswering = false
  /// The client has closed its side, or the server drains: the connection ends with the last answer.
  private var isLast = false
  private var owesRead = false
  private var hasServed = false
  private var timer = HTTPTimer()
  /// When the present intake, and when the present service, began.
  private var intakeSince = NIODeadline.now()
  private var serviceSince = NIODeadline.now()

  init(_ loop: HTTPLoop, waitsForTLS: Bool) {
    self.loop = loop
    self.waitsForTLS = waitsForTLS
  }

  // MARK: - Events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    intakeSince = .now()
    loop.opened(self)
    setTimer()
  }

  func handlerRemoved(context: ChannelHandlerContext) { detached() }

  func channelInactive(context: ChannelHandlerContext) {
    detached()
    context.fireChannelInactive()
  }

  private func detached() {
    guard context != nil else { return }
    timer.cancel()
    abandonIntake()
    switch service {
    case .handling(let current): loop.shared.release(bodyBytes: current.bodyBytes)
    case .writing(_, let bytes): loop.shared.release(bodyBytes: bytes)
    case .none, .lingering: break
    }
    for case .request(let incoming) in waiting { loop.shared.release(bodyBytes: incoming.bodyBytes) }
    waiting.removeAll()
    service = .none
    context = nil
    loop.closed(self)
  }

  func bytesArrived() {
    guard case .between = intake else { return }
    changeIntake(.head)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): received(head)
    case .body(let bytes): received(bytes)
    case .end: receivedEnd()
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    answerWaiting()
    setTimer()
  }

  /// Nothing is read while requests wait: their number is bounded by what one read brought.
  func read(context: ChannelHandlerContext) {
    switch service {
    case .none where waiting.isEmpty, .lingering: context.read()
    default: owesRead = true
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case ChannelEvent.inputClosed = event else { return context.fireUserInboundEventTriggered(event) }
    isLast = true
    switch service {
    case .none where waiting.isEmpty: close()
    case .lingering: close()
    default:
      abandonIntake()
      answerWaiting()
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let problem = HTTPIncoming.problem(error, speaksTLS: speaksTLS && !waitsForTLS) {
      refuse(problem)
      answerWaiting()
    } else {
      loop.logger.debug("HTTP connection ended", metadata: ["reason": "\(error)"])
      close()
    }
  }

  func drain() {
    isLast = true
    switch (service, intake) {
    case (.none, .between) where waiting.isEmpty, (.lingering, _): close()
    default: break
    }
  }

  func close() { context?.close(promise: nil) }

  // MARK: - Intake

  func changeIntake(_ next: Intake) {
    intake = next
    intakeSince = .now()
  }

  /// Reads no further request. Gives the one that was being read, without its body.
  @discardableResult func abandonIntake() -> HTTPIncoming? {
    defer { intake = .refused }
    guard case .body(var incoming) = intake else { return nil }
    incoming.release(loop.shared)
    return incoming
  }

  // MARK: - Answers

  /// Takes up waiting requests, one after the other. Not recursive: a burst of pipelined requests that are answered at
  /// once would else be as deep a stack.
  func answerWaiting() {
    guard !isAnswering else { return }
    isAnswering = true
    while context != nil, case .none = service, let item = waiting.popFirst() { begin(item) }
    isAnswering = false
    guard let context, case .none = service else { return }
    if case .body(let incoming) = intake, incoming.owesContinue { sendContinue(context) }
    if owesRead {
      owesRead = false
      context.read()
    }
  }

  private func begin(_ item: Item) {
    lastNumber += 1
    serviceSince = .now()
    switch item {
    case .refusal(let problem, let incoming):
      service = .handling(
        Current(
          number: lastNumber, label: incoming.map { loop.router.label($0.request.path) } ?? "other", version: .http1_1,
          keepAlive: false, isHead: incoming?.head.method == .HEAD, requestID: incoming?.id, bodyBytes: 0,
          began: serviceSince))
      answered(lastNumber, problem.response)
    case .request(let incoming):
      let request = incoming.request
      service = .handling(
        Current(
          number: lastNumber, label: loop.router.label(request.path), version: incoming.head.version,
          keepAlive: incoming.keepsAlive, isHead: request.method == .HEAD, requestID: request.id,
          bodyBytes: incoming.bodyBytes, began: serviceSince))
      switch loop.router.match(request.method, request.path) {
      case .found(let handler): handler(request, HTTPReply(self, number: lastNumber, on: loop.eventLoop))
      case .problem(let problem): answered(lastNumber, problem.response)
      }
    }
  }

  func answered(_ number: UInt64, _ response: HTTPResponse) {
    guard let context, case .handling(let current) = service, current.number == number else { return }
    hasServed = true
    let keepAlive = current.keepAlive && !isLast && !loop.isDraining
    let bytes = HTTPResponseHead.write(
      response, version: current.version, keepAlive: keepAlive, requestID: current.requestID, withBody: !current.isHead)
    loop.shared.release(bodyBytes: current.bodyBytes)
    loop.shared.hold(responseBytes: bytes.readableBytes)
    service = .writing(closes: !keepAlive, bytes: bytes.readableBytes)
    let now = NIODeadline.now()
    serviceSince = now
    loop.metrics.answered(path: current.label, status: response.status, nanoseconds: (now - current.began).nanoseconds)
    loop.logger.debug(
      "answered",
      metadata: [
        "request_id": "\(current.requestID ?? "-")", "path": "\(current.label)", "status": "\(response.status.code)",
      ])
    let done = context.eventLoop.makePromise(of: Void.self)
    context.writeAndFlush(wrapOutboundOut(bytes), promise: done)
    done.futureResult.assumeIsolated().whenComplete { result in
      if case .failure = result { self.close() } else { self.written() }
    }
    if case .writing = service { setTimer() }
  }

  private func written() {
    guard let context, case .writing(let closes, let bytes) = service else { return }
    loop.shared.release(bodyBytes: bytes)
    service = .writing(closes: closes, bytes: 0)
    guard closes else {
      service = .none
      // Nothing was read meanwhile: the time until now is not the client's.
      intakeSince = .now()
      answerWaiting()
      return setTimer()
    }
    guard case .refused = intake, !isLast else { return close() }
    // Closing now would reset the connection under bytes that are still on their way, and the client might never read
    // the refusal.
    service = .lingering
    serviceSince = .now()
    context.close(mode: .output, promise: nil)
    setTimer()
    owesRead = false
    context.read()
  }

  private func sendContinue(_ context: ChannelHandlerContext) {
    guard case .body(var incoming) = intake else { return }
    incoming.owesContinue = false
    intake = .body(incoming)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
  }

  // MARK: - Time

  private var deadline: NIODeadline? {
    let options = loop.options
    switch service {
    case .handling: return nil  // the service has a deadline of its own
    case .writing: return serviceSince + options.writeTimeout
    case .lingering: return serviceSince + options.lingerTimeout
    case .none:
      switch intake {
      case .between: return intakeSince + (hasServed ? options.idleTimeout : options.openTimeout)
      case .head, .body: return intakeSince + options.readTimeout
      case .refused: return nil
      }
    }
  }

  private func setTimer() {
    guard context != nil else { return }
    timer.set(deadline, on: loop.eventLoop) { self.look() }
  }

  private func look() {
    timer.rang()
    guard context != nil, let deadline else { return }
    guard NIODeadline.now() >= deadline else { return setTimer() }
    switch (service, intake) {
    case (.none, .head), (.none, .body):
      let limit = loop.options.readTimeout.nanoseconds / 1_000_000
      refuse(HTTPProblem(.requestTimeout, "request_timeout", "the request did not arrive whole within \(limit) ms"))
      answerWaiting()
      setTimer()
    default: close()
    }
  }
}
