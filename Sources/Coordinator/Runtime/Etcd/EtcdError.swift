import Wire

/// Why etcd did not do what it was asked.
enum EtcdError: Error, Equatable, Sendable, CustomStringConvertible {
  /// No answer: the request may have been carried out all the same, now or later.
  case unreachable(endpoint: String, String)
  /// etcd answered that it can't now (no leader, overload): the request may have been carried out all the same.
  case unavailable(String)
  /// A definite no.
  case refused(code: Int, String)
  /// The answer is not etcd's.
  case unreadable(endpoint: String, String)
  /// The server's certificate is not that of the endpoint, or not of the authority.
  case certificate(endpoint: String, String)

  var description: String {
    switch self {
    case .unreachable(let endpoint, let what): "etcd at \(endpoint) does not answer: \(what)"
    case .unavailable(let what): "etcd can't serve now (\(what)): look at 'etcdctl endpoint health'"
    case .refused(_, let what): "etcd refuses: \(what)"
    case .unreadable(let endpoint, let what): "what answers at \(endpoint) is no etcd with the v3 JSON gateway: \(what)"
    case .certificate(let endpoint, let what): "etcd at \(endpoint) can't be trusted: \(what)"
    }
  }

  /// Whether the next endpoint, or the same a moment later, may know better.
  var isRetriable: Bool {
    switch self {
    case .unreachable, .unavailable, .certificate: true
    // A member that is starting answers 404 for a second.
    case .unreadable: true
    // Space comes back when etcd is compacted, and then nothing has to be started again.
    case .refused(let code, _): code == 8
    }
  }

  /// By the codes of gRPC: 1 cancelled, 2 unknown, 4 deadline, 13 internal, 14 unavailable leave the outcome open.
  init(_ refusal: EtcdRefusal, status: Int) {
    let text = refusal.message ?? refusal.error ?? "HTTP status \(status)"
    let code = refusal.code ?? (status >= 500 ? 14 : 3)
    self = [1, 2, 4, 13, 14].contains(code) ? .unavailable(text) : .refused(code: code, text)
  }
}
