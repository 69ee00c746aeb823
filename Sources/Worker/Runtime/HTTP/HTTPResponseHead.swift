import NIOCore
import NIOHTTP1

/// A response's bytes (RFC 9112): head and body in one buffer, for one write.
enum HTTPResponseHead {
  static func write(
    _ response: HTTPResponse, version: HTTPVersion, keepAlive: Bool, requestID: String?, withBody: Bool
  ) -> ByteBuffer {
    var out = ByteBufferAllocator().buffer(capacity: 256 + (withBody ? response.body.readableBytes : 0))
    out.writeStaticString("HTTP/1.1 ")
    out.writeString(String(response.status.code))
    out.writeStaticString(" ")
    out.writeString(response.status.reasonPhrase)
    out.writeStaticString("\r\ncontent-type: ")
    out.writeStaticString(response.contentType)
    out.writeStaticString("\r\ncontent-length: ")
    out.writeString(String(response.body.readableBytes))
    if let requestID {
      out.writeStaticString("\r\nx-request-id: ")
      out.writeString(requestID)
    }
    for (name, value) in response.headers {
      out.writeStaticString("\r\n")
      out.writeStaticString(name)
      out.writeStaticString(": ")
      out.writeString(value)
    }
    if !keepAlive {
      out.writeStaticString("\r\nconnection: close")
    } else if version == .http1_0 {
      out.writeStaticString("\r\nconnection: keep-alive")
    }
    out.writeStaticString("\r\n\r\n")
    if withBody { out.writeImmutableBuffer(response.body) }
    return out
  }
}
