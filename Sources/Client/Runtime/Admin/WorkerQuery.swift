import Models
import NIOCore
import Wire

/// One question to one worker: connects, asks, and goes.
final class WorkerQuery: LinkDelegate, @unchecked Sendable {
  private let request: EntityRequest
  private let promise: EventLoopPromise<EntityAnswer>
  private let endpoint: Endpoint
  private var isDone = false

  private init(_ request: EntityRequest, _ endpoint: Endpoint, _ promise: EventLoopPromise<EntityAnswer>) {
    (self.request, self.endpoint, self.promise) = (request, endpoint, promise)
  }

  /// - Throws: `AdminError`, what the worker or the connection said.
  static func ask(
    _ request: EntityRequest, at endpoint: Endpoint, tls: TLSClientContext?, identity: LinkIdentity, options: LinkOptions,
    timeout: TimeAmount, on eventLoop: any EventLoop
  ) async throws -> EntityAnswer {
    let promise = eventLoop.makePromise(of: EntityAnswer.self)
    eventLoop.execute {
      let query = WorkerQuery(request, endpoint, promise)
      let link = LinkConnector.connect(
        on: eventLoop, host: endpoint.host, port: endpoint.port, tls: tls, expectedRole: .node, identity: identity, options: options,
        delegate: query)
      let timer = eventLoop.scheduleTask(in: timeout) {
        query.fail(.noWorkerAnswer(worker: endpoint, seconds: Double(timeout.nanoseconds) / 1e9))
      }
      promise.futureResult.whenComplete { _ in
        timer.cancel()
        link.close()
      }
    }
    return try await promise.futureResult.get()
  }

  private func fail(_ error: AdminError) {
    guard !isDone else { return }
    isDone = true
    promise.fail(error)
  }

  func linkReady(_ link: Link) { link.send(request, correlation: 1) }

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
    guard !isDone else { return }
    do throws(WireError) {
      switch header.kind {
      case .failure: fail(.workerRefused(worker: endpoint, try Failure(reading: payload)))
      case .entityAnswer:
        let answer = try EntityAnswer(reading: payload)
        isDone = true
        promise.succeed(answer)
      default: break
      }
    } catch {
      fail(.workerRefused(worker: endpoint, Failure(.malformed, "\(header.kind): \(error)")))
    }
  }

  func linkReadComplete(_ link: Link) {}
  func linkWritable(_ link: Link, _ isWritable: Bool) {}
  func linkClosed(_ link: Link, reason: LinkError?) {
    fail(.workerUnreachable(worker: endpoint, reason: reason.map { "\($0)" } ?? "it closed the connection"))
  }
}

extension AdminClient {
  /// What the cluster knows of an entity; with a transaction of that card, what its features were made of.
  public func entity(_ kind: EntityKind, _ token: String, transaction: String = "", events: Int = 100) async throws -> EntityAnswer {
    guard let bytes = EntityToken.bytes(of: token, kind: kind) else {
      throw AdminError.operation("'\(token)' is no IPv4 or IPv6 address")
    }
    let key = KeyHash(of: bytes.span.bytes, kind: kind)
    var attempts = 0
    while true {
      let map = try await map()
      guard let record = map.partitions.first(where: { $0.range.contains(key) }), let primary = record.primary?.node,
        let address = map.node(primary)?.address, let endpoint = Endpoint(address)
      else { throw AdminError.operation("the partition of this \(kind) has no primary now: see 'assay cluster status'") }
      do {
        let certified = tls?.name
        let identity = LinkIdentity(
          cluster: map.cluster, role: certified?.role ?? .admin, name: certified?.name ?? name, product: Product.nameAndVersion)
        return try await WorkerQuery.ask(
          EntityRequest(partition: record.id, entity: kind, token: token, transaction: transaction, events: events), at: endpoint, tls: tls,
          identity: identity, options: options, timeout: timeout, on: eventLoop)
      } catch AdminError.workerRefused(_, let failure) where failure.isRetriable && attempts < 20 {
        // The map moves on, or the transaction commits.
        attempts += 1
        try await Task.sleep(for: .milliseconds(100))
      }
    }
  }
}
