import Glibc

/// Text to the process's standard streams, at once and whole.
enum Output {
  static func standard(_ text: String) { write(text, STDOUT_FILENO) }
  static func error(_ text: String) { write(text, STDERR_FILENO) }

  private static func write(_ text: String, _ descriptor: CInt) {
    var text = text
    text.withUTF8 { bytes in
      var at = 0
      while at < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress! + at, bytes.count - at)
        if count < 0, errno == EINTR { continue }
        // Nobody reads it any more.
        guard count > 0 else { return }
        at += count
      }
    }
  }
}
