import NIOCore
import Wire

/// A standby's connection to the leader. When it closes and nobody listens there any more, the leader's process is dead and
/// need not be waited for: a closed socket is a hint, the refused connection the proof. Silence is left to the lease.
///
/// Belongs to its event loop.
final class LeaderWatch: LinkDelegate, @unchecked Sendable {
  private static let patience = TimeAmount.milliseconds(200)

  private let address: String
  private let loop: any EventLoop
  private let tls: TLSClientContext?
  private let identity: LinkIdentity
  private let options: LinkOptions
  /// Called whenever the connection is lost, with true once for a dead process.
  private let onLoss: @Sendable (_ isDead: Bool) -> Void
  private var link: Link?
  /// It was reached once: a refusal is then no mistake in the address.
  private var wasReady = false
  private var isClosed = false

  init(
    _ address: String, on loop: any EventLoop, tls: TLSClientContext?, identity: LinkIdentity, options: LinkOptions,
    onLoss: @escaping @Sendable (_ isDead: Bool) -> Void
  ) {
    self.address = address
    self.loop = loop
    self.tls = tls
    self.identity = identity
    var options = options
    options.logger.logLevel = .error  // a leader that goes is told of once, by the election
    self.options = options
    self.onLoss = onLoss
  }

  func start() { loop.execute { self.connect() } }

  func close() {
    loop.execute {
      self.isClosed = true
      self.link?.close()
    }
  }

  private func connect() {
    guard !isClosed, let target = SplitAddress(address) else { return }
    link = LinkConnector.connect(
      on: loop, host: target.host, port: target.port, tls: tls, expectedRole: .coordinator, identity: identity, options: options,
      delegate: self)
  }

  func linkReady(_ link: Link) { wasReady = true }
  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {}
  func linkReadComplete(_ link: Link) {}
  func linkWritable(_ link: Link, _ isWritable: Bool) {}

  func linkClosed(_ link: Link, reason: LinkError?) {
    self.link = nil
    guard !isClosed else { return }
    if wasReady, reason?.isNobodyListening == true {
      isClosed = true
      return onLoss(true)
    }
    onLoss(false)
    // At once after a loss, to see whether the process is still there; else with patience.
    let wasLost = wasReady && reason.map { if case .connect = $0 { false } else { true } } ?? true
    loop.scheduleTask(in: wasLost ? .milliseconds(5) : Self.patience) { self.connect() }
  }
}
