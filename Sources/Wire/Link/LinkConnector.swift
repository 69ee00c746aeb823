import NIOCore
import NIOPosix

/// Opens links.
public enum LinkConnector {
  /// Connects to `host:port` and says hello. Returns at once: the delegate hears `linkReady`, or `linkClosed` with the
  /// reason, on `loop`; connecting again after a failure is the owner's business, with its own back-off.
  ///
  /// Whoever answers must be a node or a coordinator; `expectedRole` and `expectedName` narrow that down. Under TLS the
  /// certificate must bear it out.
  @discardableResult
  public static func connect(
    on loop: any EventLoop, host: String, port: Int, tls: TLSClientContext? = nil,
    expectedRole: LinkIdentity.Role? = nil, expectedName: String? = nil,
    identity: LinkIdentity, options: LinkOptions = LinkOptions(), delegate: any LinkDelegate
  ) -> Link {
    let address = "\(host):\(port)"
    let link = Link(
      eventLoop: loop, side: .connecting(role: expectedRole, name: expectedName), address: address, options: options,
      identity: { identity })
    link.delegate = delegate
    if let fabric = loop as? any LinkFabric {
      fabric.connect(link, host: host, port: port)
      return link
    }
    ClientBootstrap(group: loop)
      .connectTimeout(options.connectTimeout)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.writeBufferWaterMark, value: options.waterMark)
      // Nothing is read before the handlers are there: a name may have several addresses, and each attempt has a channel.
      .channelOption(.autoRead, value: false)
      .connect(host: host, port: port)
      .flatMapThrowing { channel in
        guard link.phase == .opening else { return channel.close(promise: nil) }
        if let tls { try channel.pipeline.syncOperations.addHandler(TLSHandler(client: tls, serverName: host)) }
        try channel.pipeline.syncOperations.addHandler(LinkHandler(link, waitsForTLS: tls != nil))
        try channel.syncOptions?.setOption(.autoRead, value: true)
      }
      .whenFailure { link.failed(LinkError.connect(address: address, ConnectErrorText.of($0))) }
    return link
  }
}

extension LinkOptions {
  var waterMark: ChannelOptions.Types.WriteBufferWaterMark { .init(low: outboundLowWater, high: outboundHighWater) }
}
