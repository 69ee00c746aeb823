import Testing

@testable import Client
@testable import Wire

@Suite("Activation of a bundle")
struct AdminActivationTests {
  private let bundle = BundleID(high: 1, low: 2)
  private let other = BundleID(high: 3, low: 4)

  @Test("the bundle that decides is active, whatever else is being loaded")
  func active() {
    #expect(Activation(of: bundle, in: .test(active: bundle, candidate: other)) == .active)
  }

  @Test("a worker that still loads is named")
  func loading() {
    let activation = Activation(of: bundle, in: .test(active: other, candidate: bundle))
    #expect(activation == .loading("worker-1 still loads it"))
    #expect(Activation(of: bundle, in: .test(candidate: bundle, ready: true)) == .loading("the coordinator has not switched yet"))
  }

  @Test("a worker that can't load it ends the wait with its reason")
  func problem() {
    let activation = Activation(of: bundle, in: .test(candidate: bundle, problem: "its model is damaged"))
    #expect(activation == .failed("worker-1 can't load it: its model is damaged"))
  }

  @Test("another candidate ends the wait")
  func replaced() {
    #expect(Activation(of: bundle, in: .test(candidate: other)) == .failed("\(other) was published after it"))
    #expect(Activation(of: bundle, in: .test(active: other)) == .failed("it is no candidate"))
  }

  @Test("going back is to the bundle before, or to the active one from one that is being loaded; else it is refused")
  func rollback() async throws {
    func step(active: BundleID? = nil, previous: BundleID? = nil, candidate: BundleID? = nil) -> RollbackStep {
      var map = Status.test(active: active, candidate: candidate).map
      map.previousBundle = previous
      return RollbackStep(in: map)
    }
    #expect(step(active: bundle, previous: other) == .goBack(to: other, from: bundle))
    #expect(step(active: bundle, previous: other, candidate: other) == .giveUp(candidate: other, active: bundle))
    guard case .nothing = step(active: bundle), case .nothing = step(candidate: bundle), case .nothing = step() else {
      return #expect(Bool(false), "there was nothing to go back to")
    }

    let (bundle, other) = (bundle, other)
    let coordinator = try await AdminCoordinator { kind, count in
      var map = Status.test(active: bundle).map
      map.previousBundle = count < 3 ? other : nil
      return kind == .mapRequest ? .map(map) : .published(.candidate)
    }.start()
    let client = AdminClient(coordinators: [coordinator.endpoint])
    #expect(try await client.rollback().bundle == other)
    #expect(coordinator.published.map(\.step) == [.activate] && coordinator.published.map(\.bundle) == [other])
    await #expect(throws: AdminError.self) { _ = try await client.rollback() }
    #expect(coordinator.published.count == 1, "nothing was asked for")
    await client.close()
    await coordinator.stop()
  }

  @Test("waiting ends when the cluster decides by it")
  func untilActive() async throws {
    let (bundle, other) = (bundle, other)
    let coordinator = try await AdminCoordinator { _, count in
      .status(count < 3 ? .test(active: other, candidate: bundle, ready: count == 2) : .test(active: bundle))
    }.start()
    let client = AdminClient(coordinators: [coordinator.endpoint])
    try await client.untilActive(bundle)
    #expect(coordinator.asked.count == 3)
    await client.close()
    await coordinator.stop()
  }

  @Test("waiting for longer than allowed throws who is waited for")
  func tooLong() async throws {
    let bundle = bundle
    let coordinator = try await AdminCoordinator { _, _ in .status(.test(candidate: bundle)) }.start()
    let client = AdminClient(coordinators: [coordinator.endpoint])
    await #expect(throws: AdminError.self) { try await client.untilActive(bundle, timeout: .zero) }
    await client.close()
    await coordinator.stop()
  }
}
