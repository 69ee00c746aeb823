import Logging
import NIOCore

/// Bounds and times of links. The defaults suit a cluster in one region.
public struct LinkOptions: Sendable {
  /// From the connection's start to the end of the hello, TLS included.
  public var handshakeTimeout: TimeAmount = .seconds(5)
  public var connectTimeout: TimeAmount = .seconds(3)
  /// A peer silent for half of this is pinged, and given up after all of it. nil: never.
  public var idleTimeout: TimeAmount? = .seconds(30)
  /// Bytes waiting to be sent at which the owner is told to stop, and at which it may go on.
  public var outboundHighWater = 1 << 20
  public var outboundLowWater = 1 << 18
  /// Bytes waiting at which the link is given up, for an owner that does not stop. At least two of the largest frames.
  public var outboundMax = 4 * FrameHeader.payloadMax
  /// Accepted connections at a time, hello or not.
  public var connectionsMax = 4096
  /// The largest payload taken from a peer after the hello.
  public var payloadMax = FrameHeader.payloadMax
  public var logger: Logger

  public init(logger: Logger = Logger(label: "assay.link")) { self.logger = logger }
}
