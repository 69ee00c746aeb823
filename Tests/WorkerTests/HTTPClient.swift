import NIOCore
import NIOPosix
import Testing
import Wire

/// A client of bytes: sends what it is told, and reads whole responses or the connection's end.
final class HTTPClient: @unchecked Sendable {
  struct Response: Equatable {
    var status: Int
    var headers: [String: String]
    var body: String
  }

  /// What came instead of a response.
  enum Ending: Error {
    case closed
    case unreadable(String)
  }

  private let channel: any NIOCore.Channel
  private var stream: AsyncStream<[UInt8]>.Iterator
  /// What has come and has not been read; `at` of it has.
  private var bytes: [UInt8] = []
  private var at = 0

  private init(_ channel: any NIOCore.Channel, _ stream: AsyncStream<[UInt8]>) {
    self.channel = channel
    self.stream = stream.makeAsyncIterator()
  }

  static func connect(port: Int, tls: TLSClientContext? = nil) async throws -> HTTPClient {
    let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self)
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls { try channel.pipeline.syncOperations.addHandler(TLSHandler(client: tls, serverName: nil)) }
          try channel.pipeline.syncOperations.addHandler(Receiver(continuation))
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    return HTTPClient(channel, stream)
  }

  private final class Receiver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let bytes: AsyncStream<[UInt8]>.Continuation

    init(_ bytes: AsyncStream<[UInt8]>.Continuation) { self.bytes = bytes }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { bytes.yield(Array(unwrapInboundIn(data).readableBytesView)) }
    func channelInactive(context: ChannelHandlerContext) { bytes.finish() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if case ChannelEvent.inputClosed = event { bytes.finish() }
    }
  }

  // MARK: - Sending

  func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }
  func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

  /// Without waiting for the server to take it.
  func push(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

  func closeOutput() async throws { try await channel.close(mode: .output) }
  func close() async { try? await channel.close() }

  static func request(
    _ method: String, _ path: String, _ body: [UInt8] = [], headers: [String] = ["Content-Type: application/json"]
  ) -> [UInt8] {
    var lines = ["\(method) \(path) HTTP/1.1", "Host: test"] + headers
    if !body.isEmpty { lines.append("Content-Length: \(body.count)") }
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
  }

  /// One request on this connection, and its response.
  func ask(
    _ method: String, _ path: String, _ body: String = "", headers: [String] = ["Content-Type: application/json"]
  ) async throws -> Response {
    try await send(Self.request(method, path, Array(body.utf8), headers: headers))
    return try await response(isHead: method == "HEAD")
  }

  // MARK: - Receiving

  /// The next whole response; 1xx counts as one.
  func response(isHead: Bool = false) async throws -> Response {
    let end = try await until { Self.headEnd(of: $0) }
    let lines = String(decoding: bytes[at..<end - 4], as: UTF8.self).components("\r\n")
    let parts = lines[0].split(separator: " ", maxSplits: 2)
    guard parts.count >= 2, parts[0] == "HTTP/1.1", let status = Int(parts[1]) else { throw Ending.unreadable(lines[0]) }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let colon = try #require(line.firstIndex(of: ":"))
      headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
    }
    let length = isHead || status < 200 ? 0 : try #require(headers["content-length"].flatMap { Int($0) })
    let bodyEnd = try await until { $0.endIndex >= end + length ? end + length : nil }
    let body = String(decoding: bytes[end..<bodyEnd], as: UTF8.self)
    at = bodyEnd
    return Response(status: status, headers: headers, body: body)
  }

  /// True once the server has ended the connection, with nothing more said.
  func isClosed() async -> Bool {
    guard at == bytes.count else { return false }
    return await stream.next() == nil
  }

  /// Reads on until `find` finds something in what has not been read yet.
  private func until(_ find: (ArraySlice<UInt8>) -> Int?) async throws -> Int {
    while true {
      if let found = find(bytes[at...]) { return found }
      guard let more = await stream.next() else { throw Ending.closed }
      bytes += more
    }
  }

  private static func headEnd(of bytes: ArraySlice<UInt8>) -> Int? {
    var at = bytes.startIndex
    while at + 4 <= bytes.endIndex {
      if bytes[at] == 13, bytes[at + 1] == 10, bytes[at + 2] == 13, bytes[at + 3] == 10 { return at + 4 }
      at += 1
    }
    return nil
  }
}

extension String {
  /// Parts between occurrences of `separator`.
  fileprivate func components(_ separator: String) -> [String] {
    var parts: [String] = []
    var rest = self[...]
    while let range = rest.firstRange(of: separator) {
      parts.append(String(rest[..<range.lowerBound]))
      rest = rest[range.upperBound...]
    }
    return parts + [String(rest)]
  }
}

/// A client that sends and never reads.
final class DeafClient: Sendable {
  private let channel: any NIOCore.Channel

  private init(_ channel: any NIOCore.Channel) { self.channel = channel }

  static func connect(port: Int) async throws -> DeafClient {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: false)
      .channelOption(.socketOption(.so_rcvbuf), value: 4096)
      .connect(host: "127.0.0.1", port: port).get()
    return DeafClient(channel)
  }

  func push(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

  /// Returns when the server has ended the connection, which a client that doesn't read hears of as a write that fails.
  func closed() async throws {
    let filler = ByteBuffer(repeating: 32, count: 1 << 16)
    while (try? await channel.writeAndFlush(filler)) != nil {}
    try? await channel.close()
  }
}
