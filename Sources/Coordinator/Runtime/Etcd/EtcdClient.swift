import Foundation
import Logging
import NIOCore
import NIOPosix
import Wire

/// What is asked of etcd. One call is one attempt; whether and how often it is tried again is the caller's to know, because a
/// lost answer does not mean that nothing has happened.
protocol EtcdGateway: Sendable {
  /// `host:port` each, for errors.
  var endpoints: [String] { get }

  /// POSTs `request` to `path` and reads the answer.
  func call<Answer: Codable & Sendable>(
    _ path: String, _ request: some Codable & Sendable, as: Answer.Type, within timeout: TimeAmount
  ) async throws(EtcdError) -> Answer
}

extension EtcdGateway {
  func call<Answer: Codable & Sendable>(
    _ path: String, _ request: some Codable & Sendable, within timeout: TimeAmount = .seconds(1)
  ) async throws(EtcdError) -> Answer {
    try await call(path, request, as: Answer.self, within: timeout)
  }
}

/// etcd's v3 JSON gateway over HTTP/1.1, at the endpoint that answered last.
///
/// Not by async-http-client, which brings a second TLS stack beside the system's libssl, and not by gRPC, for the same reason.
final class EtcdClient: EtcdGateway, @unchecked Sendable {
  /// Connections kept for the next call.
  private static let idleMax = 4

  let endpoints: [String]
  private let tls: TLSClientContext?
  private let loop: any EventLoop

  // All that follows belongs to the event loop.
  /// Index of the endpoint that is asked.
  private var current = 0
  private var idle: [EtcdConnection] = []
  private var isClosed = false

  init(endpoints: [String], tls: TLSClientContext?, on loop: any EventLoop) {
    precondition(!endpoints.isEmpty, "etcd needs an endpoint")
    self.endpoints = endpoints
    self.tls = tls
    self.loop = loop
  }

  func close() {
    loop.execute {
      self.isClosed = true
      for connection in self.idle { connection.close() }
      self.idle = []
    }
  }

  func call<Answer: Codable & Sendable>(
    _ path: String, _ request: some Codable & Sendable, as: Answer.Type, within timeout: TimeAmount
  ) async throws(EtcdError) -> Answer {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    guard let json = try? encoder.encode(request) else { preconditionFailure("a request of ours can be written as JSON") }
    let (endpoint, reply) = try await exchange(path, ByteBuffer(bytes: json), timeout)
    let body = Data(reply.body.readableBytesView)
    let decoder = JSONDecoder()
    guard reply.status == 200 else {
      // Whatever the reason, another member may know better; a definite refusal is the same everywhere.
      if reply.status != 400 { await moveOn(from: endpoint) }
      guard let refusal = try? decoder.decode(EtcdRefusal.self, from: body), refusal.message ?? refusal.error != nil else {
        throw EtcdError.unreadable(endpoint: endpoint, "HTTP status \(reply.status) for \(path); is it started with enable-grpc-gateway?")
      }
      throw EtcdError(refusal, status: reply.status)
    }
    do {
      return try decoder.decode(Answer.self, from: body)
    } catch {
      // The gateway reports a stream's failure inside an answer of status 200.
      if let streamed = try? decoder.decode(EtcdStreamedRefusal.self, from: body), let refusal = streamed.error {
        throw EtcdError(EtcdRefusal(error: nil, message: refusal.message, code: refusal.grpc_code), status: 200)
      }
      throw EtcdError.unreadable(endpoint: endpoint, "\(error)")
    }
  }

  private func exchange(
    _ path: String, _ json: ByteBuffer, _ timeout: TimeAmount
  ) async throws(EtcdError) -> (endpoint: String, EtcdConnection.Reply) {
    do {
      return try await loop.flatSubmit { self.start(path, json, timeout) }.get()
    } catch let error as EtcdError {
      throw error
    } catch {
      throw EtcdError.unreachable(endpoint: endpoints[0], "\(error)")
    }
  }

  private func start(
    _ path: String, _ json: ByteBuffer, _ timeout: TimeAmount
  ) -> EventLoopFuture<(endpoint: String, EtcdConnection.Reply)> {
    let endpoint = endpoints[current]
    guard !isClosed else {
      return loop.makeFailedFuture(EtcdError.unreachable(endpoint: endpoint, "the connections were closed here"))
    }
    let promise = loop.makePromise(of: (endpoint: String, EtcdConnection.Reply).self)
    let opening = connection(endpoint, timeout)
    let timer = loop.scheduleTask(in: timeout) {
      promise.fail(EtcdError.unreachable(endpoint: endpoint, "no answer within \(timeout.nanoseconds / 1_000_000) ms"))
      self.leave(endpoint)
      opening.whenSuccess { $0.close() }
    }
    opening.flatMap { connection in connection.post(path, json).map { (connection, $0) } }.whenComplete { result in
      timer.cancel()
      switch result {
      case .success(let (connection, reply)):
        self.keep(connection)
        promise.succeed((endpoint, reply))
      case .failure(let error):
        self.leave(endpoint)
        promise.fail(error)
      }
    }
    return promise.futureResult
  }

  private func connection(_ endpoint: String, _ timeout: TimeAmount) -> EventLoopFuture<EtcdConnection> {
    while let idle = idle.popLast() {
      if idle.isReusable, idle.endpoint == endpoint { return loop.makeSucceededFuture(idle) }
      idle.close()
    }
    return EtcdConnection.open(endpoint, tls: tls, timeout: timeout, on: loop)
  }

  private func keep(_ connection: EtcdConnection) {
    guard !isClosed, connection.isReusable, idle.count < Self.idleMax else { return connection.close() }
    idle.append(connection)
  }

  /// The next call goes to the next endpoint, unless another call has found that out before.
  private func leave(_ endpoint: String) {
    guard endpoints[current] == endpoint else { return }
    current = (current + 1) % endpoints.count
  }

  private func moveOn(from endpoint: String) async { try? await loop.submit { self.leave(endpoint) }.get() }
}

private struct EtcdStreamedRefusal: Codable {
  struct Refusal: Codable {
    var grpc_code: Int?
    var message: String?
  }
  var error: Refusal?
}
