import NIOCore
import Wire

extension AdminClient {
  static let activationPoll = Duration.milliseconds(100)

  /// Waits until the cluster decides by `bundle`. Throws as soon as a worker says that it can't load it or another bundle
  /// takes its place, and when `timeout` is over; the error names the workers that are waited for.
  public func untilActive(_ bundle: BundleID, timeout: Duration = .seconds(30)) async throws {
    let deadline = ContinuousClock.now + timeout
    while true {
      let status = try await status()
      switch Activation(of: bundle, in: status) {
      case .active: return
      case .failed(let reason): throw AdminError.notActivated(bundle, reason: reason)
      case .loading(let reason):
        guard ContinuousClock.now < deadline else { throw AdminError.notActivated(bundle, reason: reason) }
      }
      try await Task.sleep(for: Self.activationPoll)
    }
  }
}

/// How far a bundle's way to being the deciding one is.
enum Activation: Equatable {
  case active
  case loading(String)
  case failed(String)

  init(of bundle: BundleID, in status: Status) {
    let map = status.map
    if map.activeBundle == bundle {
      self = .active
    } else if map.candidateBundle != bundle {
      self = .failed(map.candidateBundle.map { "\($0) was published after it" } ?? "it is no candidate")
    } else if let index = status.nodes.firstIndex(where: { !$0.bundleProblem.isEmpty }) {
      self = .failed("\(Self.name(status.nodes[index].id, map)) can't load it: \(status.nodes[index].bundleProblem)")
    } else {
      let late = status.nodes.filter { !$0.bundleReady && $0.state != .gone }.map { Self.name($0.id, map) }
      self = .loading(
        late.isEmpty
          ? "the coordinator has not switched yet" : "\(late.joined(separator: ", ")) still load\(late.count == 1 ? "s" : "") it")
    }
  }

  private static func name(_ id: NodeID, _ map: ClusterMap) -> String { map.node(id)?.name ?? "\(id)" }
}
