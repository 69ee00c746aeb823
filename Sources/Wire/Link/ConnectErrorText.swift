import NIOCore
import NIOPosix

/// What an operator reads where a connection could not be made, or broke.
public enum ConnectErrorText {
  public static func of(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      if let refused = error.connectionErrors.first?.error as? IOError { return SystemErrorText.of(refused.errnoCode) }
      if error.dnsAError != nil || error.dnsAAAAError != nil { return "the name can't be resolved: check it, and DNS" }
      return error.connectionErrors.first.map { "\($0.error)" } ?? "no address was reached"
    case let error as IOError: return SystemErrorText.of(error.errnoCode)
    case ChannelError.connectTimeout: return "no answer in time: check the address and the firewall"
    default: return "\(error)"
    }
  }
}
