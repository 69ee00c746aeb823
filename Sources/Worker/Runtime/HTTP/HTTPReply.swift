import NIOCore

/// The place where one request's response goes. To be called once, on the connection's event loop; where the connection
/// has ended meanwhile, the response is dropped.
public struct HTTPReply: Sendable {
  public let eventLoop: any EventLoop
  private let connection: NIOLoopBound<HTTPConnection>
  private let number: UInt64

  init(_ connection: HTTPConnection, number: UInt64, on eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    self.connection = NIOLoopBound(connection, eventLoop: eventLoop)
    self.number = number
  }

  public func callAsFunction(_ response: HTTPResponse) { connection.value.answered(number, response) }
}
