import Synchronization

/// Set by Ctrl-C or a request to terminate, and asked by a loop at its convenience.
final class StopFlag: Sendable {
  private let flag = Atomic(false)

  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }

  func check() throws {
    if isSet { throw OneLine("interrupted") }
  }
}
