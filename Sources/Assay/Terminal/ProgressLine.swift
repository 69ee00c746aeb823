import Glibc

/// One line on standard error that is drawn anew while a command works; nothing where that is no terminal.
struct ProgressLine {
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let start = ContinuousClock.now
  private var next = ContinuousClock.now + .milliseconds(200)
  private var isShown = false

  /// Shows what `text` answers to the seconds passed, at most five times a second. Cheap to call; still, not per row.
  mutating func show(_ text: (_ seconds: Double) -> String) {
    guard isTerminal else { return }
    let now = ContinuousClock.now
    guard now >= next else { return }
    next = now + .milliseconds(200)
    isShown = true
    Output.error("\r\(text((now - start).inSeconds))\u{1B}[K")
  }

  /// Takes the line away.
  mutating func clear() {
    guard isShown else { return }
    isShown = false
    Output.error("\r\u{1B}[K")
  }

  var seconds: Double { (ContinuousClock.now - start).inSeconds }
}
