import Glibc
import NIOCore
import NIOPosix
import Testing
import Wire

@testable import Coordinator

/// Any party's connection to a coordinator, for tests.
final class Peer: LinkDelegate, @unchecked Sendable {
  private let frames: AsyncStream<(kind: FrameKind, payload: [UInt8])>
  private let heard: AsyncStream<(kind: FrameKind, payload: [UInt8])>.Continuation
  private var link: Link?
  private let ready: EventLoopPromise<Void>

  private init(_ loop: any EventLoop) {
    (frames, heard) = AsyncStream.makeStream()
    ready = loop.makePromise()
  }

  static func connect(to coordinator: Coordinator, role: LinkIdentity.Role, name: String) async throws -> Peer {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let peer = Peer(loop)
    loop.execute {
      peer.link = LinkConnector.connect(
        on: loop, host: "127.0.0.1", port: coordinator.port, expectedRole: .coordinator, identity: LinkIdentity(role: role, name: name),
        delegate: peer)
    }
    try await peer.ready.futureResult.get()
    return peer
  }

  /// A port of this machine on which nobody listens now.
  static func closedPort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { Glibc.close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    try #require(bound)
    return Int(UInt16(bigEndian: address.sin_port))
  }

  func ask<Answer: ClusterMessage>(_ message: some ClusterMessage, for _: Answer.Type) async throws -> Answer {
    let link = try #require(link)
    try await link.eventLoop.submit { link.send(message, correlation: 11) }.get()
    return try await next(Answer.self)
  }

  /// The next message of that kind that `isWanted`; others are passed over.
  func next<Message: ClusterMessage>(_: Message.Type, where isWanted: (Message) -> Bool = { _ in true }) async throws -> Message {
    for await frame in frames where frame.kind == Message.kind {
      let message = try Message(reading: frame.payload.span.bytes)
      if isWanted(message) { return message }
    }
    throw LinkError.io("the link closed without a \(Message.kind)")
  }

  func close() {
    guard let link else { return }
    link.eventLoop.execute { link.close() }
  }

  func linkReady(_ link: Link) { ready.succeed() }

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
    heard.yield((header.kind, payload.withUnsafeBytes { [UInt8]($0) }))
  }

  func linkReadComplete(_ link: Link) {}
  func linkWritable(_ link: Link, _ isWritable: Bool) {}

  func linkClosed(_ link: Link, reason: LinkError?) {
    ready.fail(reason ?? .io("closed"))
    heard.finish()
  }
}
