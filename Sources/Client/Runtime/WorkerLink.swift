import NIOCore
import Wire

/// One loop's link to one worker: opened when there is something to send, opened again with growing patience.
final class WorkerLink: LinkDelegate, @unchecked Sendable {
  let pipe: SubmitPipe
  /// Kept: the link may outlive its owner's interest by a turn.
  private let submitter: Submitter
  private(set) var link: Link?
  /// Where the newest map says that the worker listens; nil while it is not there.
  private(set) var endpoint: Endpoint?
  private var attempts = 0
  private var isWaiting = false
  private var isClosed = false

  init(_ submitter: Submitter, _ pipe: SubmitPipe) {
    self.submitter = submitter
    self.pipe = pipe
  }

  /// A worker that is gone, or elsewhere, answers no more on this link.
  func learned(_ record: NodeRecord?) {
    let endpoint = record.flatMap { $0.state == .gone ? nil : Endpoint($0.address) }
    guard endpoint != self.endpoint else { return }
    self.endpoint = endpoint
    attempts = 0
    link?.close()
  }

  /// Sees to it that a link is there or under way.
  func open() {
    guard link == nil, !isWaiting, !isClosed, let endpoint else { return }
    link = LinkConnector.connect(
      on: submitter.eventLoop, host: endpoint.host, port: endpoint.port, tls: submitter.client.options.tls,
      expectedRole: .node, identity: submitter.identity, options: submitter.client.options.link, delegate: self)
  }

  func close() {
    isClosed = true
    link?.close()
  }

  func linkReady(_ link: Link) {
    guard link.peer.node == pipe.node else {
      // Another worker has got the address; the next map will tell.
      return link.close()
    }
    attempts = 0
    submitter.opened(self)
  }

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
    do throws(WireError) {
      try submitter.received(header, payload, self)
    } catch {
      link.close(Failure(.malformed, "\(header.kind): \(error)"))
    }
  }

  func linkReadComplete(_ link: Link) { submitter.turn() }

  func linkWritable(_ link: Link, _ isWritable: Bool) {
    pipe.isWritable = isWritable
    if isWritable { submitter.turn() }
  }

  func linkClosed(_ link: Link, reason: LinkError?) {
    self.link = nil
    attempts += 1
    isWaiting = true
    submitter.closed(self, reason, again: attempts)
  }

  /// The time between two attempts is over.
  func mayOpen() { isWaiting = false }
}
