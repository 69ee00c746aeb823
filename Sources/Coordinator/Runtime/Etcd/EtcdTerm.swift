import Synchronization

/// One leadership: what this coordinator may write under, until it ends. It ends once and for all; the next one is another.
final class EtcdTerm: Sendable {
  /// The create revision of the leader key. etcd gives each revision once, so that no two terms share it, and a write that
  /// compares with it fails for ever once the key is gone (R1).
  let fence: Int64
  let lease: Int64
  private let over = Atomic(false)
  private let waiters = Mutex<[CheckedContinuation<Void, Never>]>([])

  init(fence: Int64, lease: Int64) {
    self.fence = fence
    self.lease = lease
  }

  var isOver: Bool { over.load(ordering: .acquiring) }

  /// Idempotent.
  func end() {
    let waiting = waiters.withLock { waiters in
      over.store(true, ordering: .releasing)
      defer { waiters = [] }
      return waiters
    }
    for waiter in waiting { waiter.resume() }
  }

  /// Returns when the term is over.
  func untilOver() async {
    await withCheckedContinuation { continuation in
      let isOver = waiters.withLock { waiters in
        if self.isOver { return true }
        waiters.append(continuation)
        return false
      }
      if isOver { continuation.resume() }
    }
  }
}
