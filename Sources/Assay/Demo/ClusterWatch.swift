import Client
import Synchronization
import Wire

/// Asks a coordinator for the cluster's status once a second, for the screen.
final class ClusterWatch: Sendable {
  private struct State {
    var status: Status?
    var problem: String?
  }

  private let admin: AdminClient
  private let state = Mutex(State())

  init(_ admin: AdminClient) { self.admin = admin }

  /// The newest status, and why there is no newer one.
  var latest: (status: Status?, problem: String?) { state.withLock { ($0.status, $0.problem) } }

  /// Until the task is cancelled.
  func run() async {
    while !Task.isCancelled {
      do {
        let status = try await admin.status()
        state.withLock { $0 = State(status: status, problem: nil) }
      } catch {
        state.withLock { $0.problem = "\(error)" }
      }
      try? await Task.sleep(for: .seconds(1))
    }
  }
}
