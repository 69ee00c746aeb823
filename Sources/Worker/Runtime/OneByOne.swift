import DequeModule
import Synchronization

/// Work that blocks, one piece after the other, so that it takes one of the threads that others need too, and never more.
final class OneByOne: Sendable {
  typealias Work = @Sendable () -> Void

  private struct State {
    var waiting = Deque<Work>()
    var isAtWork = false
  }

  private let state = Mutex(State())
  private let background: WorkerNode.Background

  init(_ background: @escaping WorkerNode.Background) { self.background = background }

  /// Callers bound how much waits.
  func submit(_ work: @escaping Work) {
    let isFirst = state.withLock { state in
      state.waiting.append(work)
      defer { state.isAtWork = true }
      return !state.isAtWork
    }
    if isFirst { next() }
  }

  private func next() {
    background {
      guard
        let work = self.state.withLock({ state in
          let work = state.waiting.popFirst()
          if work == nil { state.isAtWork = false }
          return work
        })
      else { return }
      work()
      self.next()
    }
  }
}
