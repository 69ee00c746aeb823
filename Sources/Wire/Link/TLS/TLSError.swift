/// What is wrong with TLS or a certificate, in one line that says what to do.
public enum TLSError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A file of certificates or keys can't be used.
  case file(path: String, String)
  /// A certificate or key, wherever it is from, can't be used.
  case certificate(String)
  /// The handshake failed: what OpenSSL says of it.
  case handshake(String)
  /// An established connection broke.
  case session(String)

  public var description: String {
    switch self {
    case .file(let path, let what): "\(path): \(what)"
    case .certificate(let what): what
    case .handshake(let what):
      what.contains("certificate verify failed")
        ? "the peer's certificate is not one of the authority that this side trusts (\(what)): give both sides the same `ca`"
        : "the TLS handshake failed: \(what)"
    case .session(let what): "the TLS connection broke: \(what)"
    }
  }

  var isRetriable: Bool {
    if case .session = self { return true }
    return false
  }
}
