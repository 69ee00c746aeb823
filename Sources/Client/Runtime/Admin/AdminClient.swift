import Logging
import NIOCore
import NIOPosix
import Wire

/// An operator's connection to the coordinators: one request, one answer.
///
/// Connects when there is something to ask, and again, to the next coordinator of the list, when a connection ends. Every
/// request may be carried out twice without harm, so one whose answer was lost is asked again, `sendsMax` times in all. A
/// request fails when its time is over, or when each coordinator has been tried once and none was reached.
public final class AdminClient: @unchecked Sendable {
  static let sendsMax = 3

  let eventLoop: any EventLoop
  private let coordinators: [Endpoint]
  let tls: TLSClientContext?
  let name: String
  let timeout: TimeAmount
  let options: LinkOptions

  // All that follows belongs to the event loop.
  private var link: Link?
  /// Index of the coordinator that is tried, or connected to.
  private var target = 0
  /// Where a coordinator that does not lead said that the leader is.
  private var hint: Endpoint?
  /// The hint that is followed now.
  private var hinted: Endpoint?
  /// Attempts since the last connection that was made.
  private var failures = 0
  private var lastCorrelation: UInt64 = 0
  private var calls: [UInt64: AdminCall] = [:]
  private var isClosed = false

  /// - Parameters:
  ///   - coordinators: tried in turn; at least one.
  ///   - tls: nil connects without TLS.
  ///   - name: what this party calls itself; under TLS the certificate's name is taken instead.
  ///   - timeout: of each request, connecting included.
  public init(
    coordinators: [Endpoint], tls: TLSClientContext? = nil, name: String = "admin", timeout: TimeAmount = .seconds(10),
    logger: Logger? = nil, on eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
  ) {
    precondition(!coordinators.isEmpty, "a coordinator's address is needed")
    self.coordinators = coordinators
    self.tls = tls
    self.name = name
    self.timeout = timeout
    self.eventLoop = eventLoop
    var quiet = Logger(label: "assay.admin")
    // Whoever asks gets every problem as an error.
    quiet.logLevel = .critical
    options = LinkOptions(logger: logger ?? quiet)
  }

  /// Connects by a configuration; throws if no coordinator is reached.
  public static func connect(
    _ config: ClientConfig, name: String = "admin", timeout: TimeAmount = .seconds(10), logger: Logger? = nil
  ) async throws -> AdminClient {
    var tls: TLSClientContext?
    do throws(TLSError) { tls = try config.tls?.clientContext() } catch { throw AdminError.certificate("\(error)") }
    let client = AdminClient(coordinators: config.coordinators, tls: tls, name: name, timeout: timeout, logger: logger)
    do {
      _ = try await client.map()
    } catch {
      await client.close()
      throw error
    }
    return client
  }

  // MARK: - Requests

  /// How the cluster does.
  public func status() async throws -> Status { try await ask(StatusRequest(), for: Status.self) }

  /// How the workers' disks and links do.
  public func health() async throws -> HealthStatus { try await ask(HealthRequest(), for: HealthStatus.self) }

  /// The newest map.
  public func map() async throws -> ClusterMap { try await ask(MapRequest(), for: ClusterMap.self) }

  /// Gives the cluster a bundle's file (`BundleArchive.encode`), to keep or to decide by. The answer comes when it is kept
  /// durably; `untilActive` waits until it decides.
  public func publish(
    _ contents: [UInt8], step: PublishBundle.Step = .storeAndActivate
  ) async throws -> BundlePublished {
    precondition(step != .activate, "a stored bundle is named, not published: see activate")
    guard contents.count <= ClusterLimit.bundleSize else { throw AdminError.bundleTooLarge(bytes: contents.count) }
    let request = PublishBundle(bundle: BundleID(contents: contents), step: step, contents: contents)
    return try await ask(request, for: BundlePublished.self)
  }

  /// Has the cluster decide by a bundle that it keeps already.
  public func activate(_ bundle: BundleID) async throws -> BundlePublished {
    try await ask(PublishBundle(bundle: bundle, step: .activate), for: BundlePublished.self)
  }

  /// The coordinator that is connected to, which leads if it has answered; else the one that is tried next.
  public var answeredBy: Endpoint {
    get async { (try? await eventLoop.submit { self.endpoint }.get()) ?? coordinators[0] }
  }

  /// Ends the connection. Open requests fail.
  public func close() async {
    try? await eventLoop.submit {
      self.isClosed = true
      self.link?.close()
      self.link = nil
      self.failAll(.closed)
    }.get()
  }

  func ask<Answer: ClusterMessage>(_ request: some ClusterMessage, for _: Answer.Type) async throws -> Answer {
    let promise = eventLoop.makePromise(of: Answer.self)
    eventLoop.execute {
      self.lastCorrelation += 1
      let call = AdminCall(correlation: self.lastCorrelation, request, promise)
      guard !self.isClosed else { return call.fail(.closed) }
      call.timer = self.eventLoop.scheduleTask(in: self.timeout) { self.expire(call) }
      self.calls[call.correlation] = call
      if let link = self.link { self.send(call, on: link) } else { self.connect() }
    }
    return try await promise.futureResult.get()
  }

  // MARK: - On the event loop

  /// Distance between two rounds over coordinators of which none leads.
  private static let electionPatience = TimeAmount.milliseconds(100)

  private var endpoint: Endpoint { hinted ?? coordinators[target] }

  private func connect() {
    guard link == nil, !isClosed, !calls.isEmpty else { return }
    if let hint, let index = coordinators.firstIndex(of: hint) { target = index }
    hinted = hint
    hint = nil
    let certified = tls?.name
    let identity = LinkIdentity(
      role: certified?.role ?? .admin, name: certified?.name ?? name, product: Product.nameAndVersion)
    link = LinkConnector.connect(
      on: eventLoop, host: endpoint.host, port: endpoint.port, tls: tls, expectedRole: .coordinator, identity: identity,
      options: options, delegate: AdminLinkDelegate(self))
  }

  private func send(_ call: AdminCall, on link: Link) {
    guard link.isReady else { return }
    call.sends += 1
    call.send(link)
  }

  private func expire(_ call: AdminCall) {
    guard calls.removeValue(forKey: call.correlation) != nil else { return }
    call.fail(.noAnswer(coordinator: endpoint, seconds: Double(timeout.nanoseconds) / 1e9))
  }

  private func failAll(_ error: AdminError) {
    let failed = calls.values.sorted { $0.correlation < $1.correlation }
    calls.removeAll()
    for call in failed { call.fail(error) }
  }

  fileprivate func ready(_ link: Link) {
    guard !isClosed else { return link.close() }
    failures = 0
    for call in calls.values.sorted(by: { $0.correlation < $1.correlation }) { send(call, on: link) }
  }

  fileprivate func received(_ link: Link, _ header: FrameHeader, _ payload: RawSpan) {
    if header.kind == .leaderHint {
      hint = (try? LeaderHint(reading: payload)).flatMap { Endpoint($0.address) }
      return
    }
    // Without a call: it came too late.
    guard let call = calls.removeValue(forKey: header.correlation) else { return }
    call.timer?.cancel()
    do throws(WireError) {
      if header.kind == .failure {
        call.fail(.refused(coordinator: endpoint, try Failure(reading: payload)))
      } else {
        try call.take(header, payload)
      }
    } catch {
      let failure = Failure(.malformed, "\(header.kind): \(error)")
      call.fail(.refused(coordinator: endpoint, failure))
      link.close(failure)
    }
  }

  /// `reason` nil: in order.
  fileprivate func closed(_ ended: Link, _ reason: LinkError?) {
    guard ended === link, !isClosed else { return }
    link = nil
    if case .refused(let failure)? = reason, failure.code == .notLeader { return notLeading() }
    failures += 1
    let said = reason.map { "\($0)" } ?? "it closed the connection"
    let tried = endpoint
    hint = nil
    hinted = nil
    target = (target + 1) % coordinators.count
    for call in calls.values where call.sends >= Self.sendsMax {
      calls[call.correlation] = nil
      call.fail(.unreachable(coordinators: [tried], reason: said))
    }
    guard !calls.isEmpty else { return }
    if failures > coordinators.count || (failures == coordinators.count && calls.values.allSatisfy { $0.sends == 0 }) {
      failures = 0
      return failAll(.unreachable(coordinators: coordinators, reason: said))
    }
    connect()
  }
}

extension AdminClient {
  /// The coordinator does not lead: to the one that it named, or to the next. While none is elected, the requests wait as
  /// long as their time allows.
  private func notLeading() {
    for call in calls.values { call.sends = 0 }
    if hint == nil { target = (target + 1) % coordinators.count }
    eventLoop.scheduleTask(in: Self.electionPatience) { self.connect() }
  }
}

/// One request on its way. Belongs to the client's event loop.
private final class AdminCall: @unchecked Sendable {
  let correlation: UInt64
  let send: (Link) -> Void
  let take: (FrameHeader, RawSpan) throws(WireError) -> Void
  private let refuse: (AdminError) -> Void
  var sends = 0
  var timer: Scheduled<Void>?

  init<Answer: ClusterMessage>(
    correlation: UInt64, _ request: some ClusterMessage, _ promise: EventLoopPromise<Answer>
  ) {
    self.correlation = correlation
    send = { $0.send(request, correlation: correlation, compressed: true) }
    refuse = { promise.fail($0) }
    take = { (header, payload) throws(WireError) in
      guard header.kind == Answer.kind else {
        throw WireError.invalid(at: 0, "a \(header.kind) came where a \(Answer.kind) was due")
      }
      promise.succeed(try Answer(reading: payload))
    }
  }

  func fail(_ error: AdminError) {
    timer?.cancel()
    refuse(error)
  }
}

/// Hears of one connection.
private final class AdminLinkDelegate: LinkDelegate {
  private let client: AdminClient

  init(_ client: AdminClient) { self.client = client }

  func linkReady(_ link: Link) { client.ready(link) }
  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) { client.received(link, header, payload) }
  func linkReadComplete(_ link: Link) {}
  func linkWritable(_ link: Link, _ isWritable: Bool) {}
  func linkClosed(_ link: Link, reason: LinkError?) { client.closed(link, reason) }
}
