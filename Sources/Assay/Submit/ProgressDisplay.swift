import Client
import Foundation
import Glibc
import Synchronization

/// Shows how far a submission is: a bar that is drawn anew on a terminal, a line every few seconds elsewhere.
final class ProgressDisplay: Sendable {
  private struct State {
    var hasBar = false
    var nextLine = ContinuousClock.now + .seconds(5)
    var hasWarned = false
  }

  private static let barWidth = 24
  private let name: String
  private let isTerminal: Bool
  private let state = Mutex(State())

  init(_ path: String) {
    name = path.split(separator: "/").last.map(String.init) ?? path
    isTerminal = isatty(STDERR_FILENO) == 1
  }

  func show(_ progress: SubmitProgress) {
    state.withLock { state in
      if !progress.unknown.isEmpty, !state.hasWarned {
        // Once, while there is still time to stop; the summary has all of them, with counts.
        state.hasWarned = true
        Self.write("\(state.hasBar ? "\r\u{1B}[K" : "")assay submit: \(UnknownKeysText.warning(progress.unknown))\n")
      }
      if isTerminal {
        state.hasBar = true
        Self.write("\r\(Self.bar(progress)) \(Self.text(progress))\u{1B}[K")
      } else if ContinuousClock.now >= state.nextLine {
        state.nextLine += .seconds(5)
        Self.write("\(name): \(Self.text(progress))\n")
      }
    }
  }

  /// Makes room for what follows.
  func finish() {
    state.withLock { state in
      if state.hasBar { Self.write("\r\u{1B}[K") }
      state.hasBar = false
    }
  }

  private static func bar(_ progress: SubmitProgress) -> String {
    let filled = Int(min(max(progress.fraction, 0), 1) * Double(barWidth))
    return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: barWidth - filled) + "]"
  }

  static func text(_ progress: SubmitProgress) -> String {
    var text = "\(Int(progress.fraction * 100))%  \(progress.rows) rows  \(Int(progress.rate))/s"
    if let seconds = progress.secondsLeft, progress.fraction < 1 { text += "  \(duration(seconds)) left" }
    if let problem = progress.problem { text += "  waiting: \(problem)" }
    return text
  }

  static func duration(_ seconds: Double) -> String {
    let whole = Int(min(seconds, 359_999).rounded(.up))
    let hours = whole / 3600
    let minutes = whole / 60 % 60
    if hours > 0 { return "\(hours)h \(minutes)m" }
    return minutes > 0 ? "\(minutes)m \(whole % 60)s" : "\(whole)s"
  }

  private static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
