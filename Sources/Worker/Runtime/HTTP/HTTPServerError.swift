import Glibc
import NIOCore

/// Why an HTTP port could not be opened.
public enum HTTPServerError: Error, Equatable, Sendable, CustomStringConvertible {
  case bind(address: String, String)

  public var description: String {
    switch self {
    case .bind(let address, let what): "can't listen for HTTP on \(address): \(what)"
    }
  }

  static func bind(_ address: String, _ error: any Error) -> HTTPServerError {
    guard let code = (error as? IOError)?.errnoCode else {
      return .bind(address: address, "\(error): check the host part, or use 0.0.0.0")
    }
    let what =
      switch code {
      case EADDRINUSE: "the port is in use: stop the other process, or choose another port"
      case EADDRNOTAVAIL: "this host has no such address: check the host part, or use 0.0.0.0"
      case EACCES: "not permitted: ports below 1024 need a privilege; choose a higher one"
      case EMFILE, ENFILE: "no file descriptors are left: raise the limit (ulimit -n)"
      default: String(cString: strerror(code))
      }
    return .bind(address: address, what)
  }
}
