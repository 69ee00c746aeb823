import Glibc

@testable import Wire

/// A TCP client of its own, to send what no link would. Blocking, with a deadline of 10 s on each call.
final class RawPeer: Sendable {
  private let socket: CInt

  init(port: Int) throws {
    socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var deadline = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &deadline, socklen_t(MemoryLayout<timeval>.size))
    var on: CInt = 1
    setsockopt(socket, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw RawError(what: "connect", code: errno) }
  }

  deinit { close(socket) }

  struct RawError: Error {
    var what: String
    var code: CInt
  }

  func send(_ bytes: [UInt8]) throws {
    var at = 0
    while at < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(socket, $0.baseAddress! + at, $0.count - at, CInt(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw RawError(what: "send", code: errno) }
      at += count
    }
  }

  /// One segment for each byte.
  func drip(_ bytes: [UInt8]) throws {
    for byte in bytes { try send([byte]) }
  }

  /// Sends as much as the other side takes, up to `bytes`; how much that was. The other side counts as not taking any
  /// more once it has taken nothing for a second.
  func sendUntilBlocked(_ bytes: [UInt8]) throws -> Int {
    var at = 0
    while at < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(socket, $0.baseAddress! + at, $0.count - at, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
      }
      if count > 0 {
        at += count
      } else if errno == EAGAIN {
        var waiting = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        if poll(&waiting, 1, 1000) == 0 { return at }
      } else {
        throw RawError(what: "send", code: errno)
      }
    }
    return at
  }

  /// The next bytes, empty at the end of the stream.
  func receive() throws -> [UInt8] {
    var failed: CInt = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
      let received = recv(socket, buffer.baseAddress, buffer.count, 0)
      count = max(0, received)
      failed = received < 0 ? errno : 0
    }
    guard failed == 0 else { throw RawError(what: "receive", code: failed) }
    return bytes
  }

  /// Frames until `count` have come or the stream ends.
  func frames(_ count: Int = .max) throws -> [(kind: FrameKind, correlation: UInt64, payload: [UInt8])] {
    var decoder = FrameDecoder(payloadLimit: FrameHeader.payloadMax)
    var frames: [(kind: FrameKind, correlation: UInt64, payload: [UInt8])] = []
    while frames.count < count {
      let bytes = try receive()
      if bytes.isEmpty { break }
      try bytes.withUnsafeBytes { bytes in
        try decoder.take(bytes) { header, payload in
          frames.append((header.kind, header.correlation, payload.withUnsafeBytes { [UInt8]($0) }))
          return .frame
        }
      }
    }
    return frames
  }

  /// The failure by which the other side ended the connection; nil if it ended without one.
  func failure() throws -> Failure? {
    guard let last = try frames().last, last.kind == .failure else { return nil }
    return try Failure(reading: last.payload.span.bytes)
  }

  static func frame(
    _ kind: FrameKind, correlation: UInt64 = 0, version: UInt8 = 1, _ write: (inout WireWriter) -> Void
  ) -> [UInt8] {
    var writer = WireWriter()
    writer.writeFrame(kind, correlation: correlation, version: version, write)
    return writer.bytes
  }

  static func hello(_ hello: Hello = Hello(identity: LinkServer.client)) -> [UInt8] {
    frame(.hello) { hello.write(to: &$0) }
  }
}
