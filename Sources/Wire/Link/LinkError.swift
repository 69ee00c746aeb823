import Glibc

/// Why a link could not be made or had to end. The text says what happened, to what, and what to do.
public enum LinkError: Error, Sendable, CustomStringConvertible {
  /// The peer's bytes are not frames.
  case frame(FrameError)
  /// A session message can't be read.
  case message(FrameKind, WireError)
  /// A frame of this kind came before the hello.
  case outOfTurn(FrameKind)
  /// The peer refused, and said why.
  case refused(Failure)
  /// We refused the peer's hello; this is what it was told.
  case refusing(Failure)
  /// No hello within the time given.
  case handshakeTimeout
  /// Nothing came, not even the answer to a ping.
  case silent
  /// The peer takes less than is sent; `bytes` were waiting.
  case overflow(bytes: Int)
  /// A payload over the peer's limit was to be sent.
  case tooLarge(FrameKind, bytes: Int, limit: Int)
  case tls(TLSError)
  /// No connection to `address`.
  case connect(address: String, String)
  /// Can't listen on `address`.
  case bind(address: String, String)
  /// The connection broke.
  case io(String)

  public var description: String {
    switch self {
    case .frame(let error): error.description
    case .message(let kind, let error): "the \(kind) message can't be read: \(error)"
    case .outOfTurn(let kind): "a frame of kind \(kind) came where a hello is due"
    case .refused(let failure): "the peer refused the link: \(failure)"
    case .refusing(let failure): "the peer was refused: \(failure)"
    case .handshakeTimeout: "the peer sent no hello in time: is it an Assay port of this cluster?"
    case .silent: "the peer is silent: it answers no ping"
    case .overflow(let bytes): "the peer does not keep up: \(bytes) bytes wait to be sent"
    case .tooLarge(let kind, let bytes, let limit):
      "a \(kind) payload of \(bytes) bytes is over the peer's limit of \(limit)"
    case .tls(let error): error.description
    case .connect(let address, let what): "can't connect to \(address): \(what)"
    case .bind(let address, let what): "can't listen on \(address): \(what)"
    case .io(let what): "the connection broke: \(what)"
    }
  }

  /// Whether connecting again, unchanged, may help.
  public var isRetriable: Bool {
    switch self {
    case .refused(let failure), .refusing(let failure): failure.isRetriable
    case .handshakeTimeout, .silent, .overflow, .connect, .io: true
    case .frame(let error): error == .headerChecksum || error == .payloadChecksum
    case .tls(let error): error.isRetriable
    case .message, .outOfTurn, .tooLarge, .bind: false
    }
  }

  /// Whether the peer's host answered that nobody listens there: the process is dead, not the network.
  public var isNobodyListening: Bool {
    if case .connect(_, let text) = self { text == SystemErrorText.of(ECONNREFUSED) } else { false }
  }

  /// What the peer is told before the connection ends, where it can be told anything.
  var failure: Failure? {
    switch self {
    case .refusing(let failure): failure
    case .frame(.foreign), .refused, .tls, .connect, .bind, .io: nil
    case .frame(.version): Failure(.unsupportedVersion, description)
    case .frame(.tooLarge), .tooLarge: Failure(.tooLarge, description)
    case .frame, .message, .outOfTurn: Failure(.malformed, description)
    case .handshakeTimeout, .silent: Failure(.deadline, description)
    case .overflow: Failure(.busy, description)
    }
  }
}
