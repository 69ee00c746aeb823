import NIOCore

/// What carries a link's bytes where that is no channel. The simulator's connections do: links, hellos and frames are then
/// the real ones, and only the wire between them is not.
protocol LinkCarrier: AnyObject {
  var isWritable: Bool { get }
  /// Takes bytes to the peer, in order.
  func write(_ bytes: [UInt8])
  /// What was written still arrives; then the peer hears of the end.
  func close()
}

/// An event loop whose links are made without sockets. Tells a link `attach(_:)` and `opened(tls:)` once it is connected,
/// `failed(_:)` when it can't be, `received(_:)`, `readComplete()` and at last `detached()`.
protocol LinkFabric: EventLoop {
  func connect(_ link: Link, host: String, port: Int)
}
