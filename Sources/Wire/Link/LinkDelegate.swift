/// The owner of a link. All calls come on the link's event loop; `linkReady` at most once and first, `linkClosed` exactly
/// once and last, never from within a call that the owner makes.
public protocol LinkDelegate: AnyObject {
  /// The hello is through: `link.peer` is known, and frames may be sent.
  func linkReady(_ link: Link)

  /// One frame. `payload` is borrowed from the link's buffer until the call returns, and unpacked already.
  /// Session frames stay within the link, save `pong` and the `failure` that answers a request.
  func link(_ link: Link, received header: FrameHeader, payload: RawSpan)

  /// The end of a burst: all that came in this turn of the loop has been handed out. What is sent by now goes out in
  /// one write.
  func linkReadComplete(_ link: Link)

  /// False: the peer takes less than is sent, stop producing; nothing is read from it either, until it is true again.
  func linkWritable(_ link: Link, _ isWritable: Bool)

  /// The link is over. nil: in order, by either side.
  func linkClosed(_ link: Link, reason: LinkError?)
}
