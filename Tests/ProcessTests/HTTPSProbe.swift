import Foundation
import NIOCore
import NIOPosix
import Wire

/// Asks a worker's HTTP port, one request a connection, and waits for the answer.
struct HTTPSProbe: Sendable {
  struct Answer {
    var status: Int
    var headers: String
    var body: String
  }

  let port: Int
  private let tls: TLSClientContext

  /// Of a worker of a cluster that `assay dev up` made.
  init(_ worker: String, of cluster: TestCluster) throws {
    let config = try String(contentsOfFile: "\(cluster.directory)/\(worker).yaml", encoding: .utf8)
    let line = config.split(separator: "\n").first { $0.hasPrefix("http:") } ?? ""
    port = Int(line.split(separator: ":").last ?? "") ?? 0
    let authority = FileManager.default.contents(atPath: "\(cluster.directory)/ca/ca.pem") ?? Data()
    tls = try TLSClientContext(nil, authorities: Array(authority))
  }

  func decide(_ body: String, deadlineMilliseconds: Int, more headers: [String] = []) throws -> Answer {
    let lines =
      [
        "POST /v1/decisions HTTP/1.1", "Host: test", "Content-Type: application/json", "Connection: close",
        "Assay-Deadline-Ms: \(deadlineMilliseconds)", "Content-Length: \(body.utf8.count)",
      ] + headers
    let text = try exchange(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    let parts = text.components(separatedBy: "\r\n\r\n")
    let status = Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0
    return Answer(status: status, headers: parts[0].lowercased(), body: parts.dropFirst().joined(separator: "\r\n\r\n"))
  }

  /// A counter of the worker's `/metrics`, its series summed; 0 where there is none.
  func counter(_ name: String) throws -> Int {
    let text = try exchange("GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
    return text.split(whereSeparator: \.isNewline).filter { $0.hasPrefix(name + " ") || $0.hasPrefix(name + "{") }
      .reduce(0) { $0 + (Int($1.split(separator: " ").last ?? "") ?? 0) }
  }

  private func exchange(_ request: String) throws -> String {
    let done = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: String.self)
    let tls = tls
    let connecting = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(TLSHandler(client: tls, serverName: nil))
          try channel.pipeline.syncOperations.addHandler(Collector(done))
        }
      }
      .connect(host: "127.0.0.1", port: port)
    connecting.whenFailure { done.fail($0) }
    connecting.whenSuccess { $0.writeAndFlush(ByteBuffer(string: request), promise: nil) }
    return try done.futureResult.wait()
  }

  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let done: EventLoopPromise<String>
    private var text: [UInt8] = []

    init(_ done: EventLoopPromise<String>) { self.done = done }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { text += unwrapInboundIn(data).readableBytesView }
    func channelInactive(context: ChannelHandlerContext) { done.succeed(String(decoding: text, as: UTF8.self)) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }
}
