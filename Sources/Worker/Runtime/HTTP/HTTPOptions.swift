import Logging
import NIOCore

/// Bounds and times of an HTTP port.
public struct HTTPOptions: Sendable {
  /// Request line and headers, in bytes.
  public var headMax = 16 * 1024
  public var headerCountMax = 100
  /// One request's body, in bytes.
  public var bodyMax = 8 << 20
  /// All bodies that are being read or answered, and all responses that wait for their clients, in bytes; beyond it
  /// requests are refused as busy.
  public var bodiesMax = 256 << 20
  /// Connections at a time; one more is closed at once.
  public var connectionsMax = 4096
  /// For a new connection's first byte.
  public var openTimeout: TimeAmount = .seconds(10)
  /// For a whole head, and again for a whole body. The TLS handshake counts to the first head.
  public var readTimeout: TimeAmount = .seconds(10)
  /// For a client to take a response.
  public var writeTimeout: TimeAmount = .seconds(30)
  /// Between two requests.
  public var idleTimeout: TimeAmount = .seconds(75)
  /// How long a refused client that is still sending is listened to, so that it gets to read the refusal.
  public var lingerTimeout: TimeAmount = .seconds(2)
  public var logger: Logger

  public init(logger: Logger = Logger(label: "assay.http")) { self.logger = logger }
}
