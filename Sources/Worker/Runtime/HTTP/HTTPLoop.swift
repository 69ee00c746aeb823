import Logging
import NIOCore
import Synchronization

/// What all connections of a server share, on whatever loop.
final class HTTPShared: Sendable {
  let options: HTTPOptions
  private let connections = Atomic<Int>(0)
  private let bodyBytes = Atomic<Int>(0)

  init(_ options: HTTPOptions) { self.options = options }

  func admitConnection() -> Bool {
    guard connections.add(1, ordering: .relaxed).newValue > options.connectionsMax else { return true }
    endConnection()
    return false
  }

  func endConnection() { connections.subtract(1, ordering: .relaxed) }

  func reserve(bodyBytes count: Int) -> Bool {
    guard bodyBytes.add(count, ordering: .relaxed).newValue > options.bodiesMax else { return true }
    release(bodyBytes: count)
    return false
  }

  /// A response that its client has not taken yet counts like a body, and keeps new ones out.
  func hold(responseBytes count: Int) { bodyBytes.add(count, ordering: .relaxed) }

  func release(bodyBytes count: Int) { bodyBytes.subtract(count, ordering: .relaxed) }
}

/// One event loop's share of a server.
final class HTTPLoop {
  let eventLoop: any EventLoop
  let router: HTTPRouter
  let metrics: HTTPMetrics
  let shared: HTTPShared
  private(set) var isDraining = false
  private var connections: [ObjectIdentifier: HTTPConnection] = [:]
  private var emptied: [EventLoopPromise<Void>] = []

  init(_ eventLoop: any EventLoop, _ router: HTTPRouter, _ metrics: HTTPMetrics, _ shared: HTTPShared) {
    self.eventLoop = eventLoop
    self.router = router
    self.metrics = metrics
    self.shared = shared
  }

  var options: HTTPOptions { shared.options }
  var logger: Logger { shared.options.logger }

  func opened(_ connection: HTTPConnection) {
    connections[ObjectIdentifier(connection)] = connection
    metrics.connections.add(1)
  }

  func closed(_ connection: HTTPConnection) {
    guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    metrics.connections.add(-1)
    shared.endConnection()
    if connections.isEmpty { reportEmpty() }
  }

  /// Ends idle connections now and busy ones with their next response; succeeds when all have ended.
  func drain() -> EventLoopFuture<Void> {
    isDraining = true
    let promise = eventLoop.makePromise(of: Void.self)
    emptied.append(promise)
    for connection in Array(connections.values) { connection.drain() }
    if connections.isEmpty { reportEmpty() }
    return promise.futureResult
  }

  func closeAll() {
    for connection in Array(connections.values) { connection.close() }
  }

  private func reportEmpty() {
    let promises = emptied
    emptied = []
    for promise in promises { promise.succeed() }
  }
}
