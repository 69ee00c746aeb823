import Client
import Synchronization
import Wire

/// How a run waits: looking after the servers meanwhile, and giving up as soon as somebody wants it to end.
final class RunClock: Sendable {
  private let stopped = Atomic(false)
  private let tend: @Sendable (Int64) -> Void

  init(tend: @escaping @Sendable (Int64) -> Void) { self.tend = tend }

  func stop() { stopped.store(true, ordering: .relaxed) }

  func check() throws { if stopped.load(ordering: .relaxed) { throw ChaosError("interrupted") } }

  func sleep(_ milliseconds: Int) async throws { _ = try await wait(milliseconds) { false } }

  /// Has the coordinator carry an operation out. One that can't be done now is tried again: copies may be catching up.
  func finish(_ request: OperationRequest, _ admin: AdminClient) async throws {
    var problem = ""
    let isDone = try await wait(30_000) {
      do {
        let record = try await admin.start(request)
        _ = try await admin.untilFinished(record.id, timeout: .seconds(20))
        return true
      } catch {
        problem = "\(error)"
        return false
      }
    }
    if !isDone { throw ChaosError("\(request.name) is not done after 30 s: \(problem)") }
  }

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
