import Models
import Synchronization
import Wire

/// The bundles that a worker has loaded, for whoever asks on any thread; and those that it has told the coordinator of.
final class LoadedBundles: Sendable {
  private struct State {
    var bundles: [BundleID: Bundle] = [:]
    var reported: [BundleID] = []
  }

  private let state = Mutex(State())

  /// Every partition that this worker leads has logged that others may decide by them, oldest first (X6).
  var reported: [BundleID] { state.withLock { $0.reported } }

  subscript(id: BundleID) -> Bundle? { state.withLock { $0.bundles[id] } }

  func add(_ bundle: Bundle) { state.withLock { $0.bundles[bundle.id] = bundle } }

  func report(_ id: BundleID) {
    state.withLock { if !$0.reported.contains(id) { $0.reported = Array(($0.reported + [id]).suffix(Heartbeat.bundlesMax)) } }
  }
}
