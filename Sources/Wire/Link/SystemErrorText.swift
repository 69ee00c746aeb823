import Glibc

/// What an operator reads of the system's refusals.
enum SystemErrorText {
  static func of(_ code: CInt) -> String {
    switch code {
    case EADDRINUSE: "the port is in use: stop the other process, or choose another port"
    case EADDRNOTAVAIL: "this host has no such address: check the host part, or use 0.0.0.0"
    case EACCES: "not permitted: ports below 1024 need a privilege; choose a higher one"
    case ECONNREFUSED: "nothing listens there: check the address, and whether the process runs"
    case ECONNRESET, EPIPE: "the peer closed it without a word: look into the peer's log"
    case EHOSTUNREACH, ENETUNREACH: "there is no route to the host: check the network"
    case ETIMEDOUT: "the host does not answer: check the address and the firewall"
    case EMFILE, ENFILE: "no file descriptors are left: raise the limit (ulimit -n)"
    default: String(cString: strerror(code))
    }
  }
}
