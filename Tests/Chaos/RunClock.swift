import Client
import Synchronization

/// How a run waits: looking after the servers meanwhile, and giving up as soon as somebody wants it to end.
final class RunClock: Sendable {
  private let stopped = Atomic(false)
  private let tend: @Sendable (Int64) -> Void

  init(tend: @escaping @Sendable (Int64) -> Void) { self.tend = tend }

  func stop() { stopped.store(true, ordering: .relaxed) }

  func check() throws { if stopped.load(ordering: .relaxed) { throw ChaosError("interrupted") } }

  func sleep(_ milliseconds: Int) async throws { _ = try await wait(milliseconds) { false } }

  /// Whether `condition` came to hold within the time.
  @discardableResult
  func wait(_ milliseconds: Int, until condition: () async throws -> Bool) async throws -> Bool {
    let end = ClientClock.nanoseconds() + Int64(milliseconds) * 1_000_000
    while true {
      try check()
      tend(ClientClock.nanoseconds())
      if try await condition() { return true }
      let left = end - ClientClock.nanoseconds()
      if left <= 0 { return false }
      try await Task.sleep(for: .nanoseconds(min(left, 50_000_000)))
    }
  }
}
