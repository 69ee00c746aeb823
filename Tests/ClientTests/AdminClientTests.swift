import NIOCore
import Testing

@testable import Client
@testable import Wire

@Suite("Admin client")
struct AdminClientTests {
  private let contents: [UInt8] = Array("a bundle's bytes".utf8)

  private func client(_ coordinators: [AdminCoordinator], timeout: TimeAmount = .seconds(10)) -> AdminClient {
    AdminClient(coordinators: coordinators.map(\.endpoint), timeout: timeout)
  }

  /// The error of `body`, which must throw one.
  private func failure(_ body: () async throws -> some Any) async -> AdminError? {
    do {
      _ = try await body()
      Issue.record("nothing was thrown")
      return nil
    } catch {
      return error as? AdminError
    }
  }

  @Test("requests at the same time get each their own answer over one connection")
  func ownAnswers() async throws {
    let status = Status.test()
    let coordinator = try await AdminCoordinator { kind, _ in
      switch kind {
      case .statusRequest: .status(status)
      case .mapRequest: .map(status.map)
      default: .published(.stored)
      }
    }.start()
    let client = client([coordinator])
    async let first = client.status()
    async let second = client.map()
    async let third = client.publish(contents, step: .store)
    #expect(try await first == status)
    #expect(try await second == status.map)
    #expect(try await third.bundle == BundleID(contents: contents))
    #expect(coordinator.published.first?.contents == contents)
    #expect(coordinator.roles == [.admin])
    await client.close()
    await coordinator.stop()
  }

  @Test("a coordinator that is not there is passed over for the next one")
  func nextCoordinator() async throws {
    let gone = try await AdminCoordinator { _, _ in .silence }.start()
    let goneEndpoint = gone.endpoint
    await gone.stop()
    let coordinator = try await AdminCoordinator { _, _ in .status(.test()) }.start()
    let client = AdminClient(coordinators: [goneEndpoint, coordinator.endpoint])
    #expect(try await client.status() == .test())
    await client.close()
    await coordinator.stop()
  }

  @Test("when no coordinator is reached, the error names them after one round, long before the timeout")
  func nobodyThere() async throws {
    let gone = try await AdminCoordinator { _, _ in .silence }.start()
    let endpoint = gone.endpoint
    await gone.stop()
    let client = AdminClient(coordinators: [endpoint, endpoint], timeout: .hours(1))
    let error = await failure { try await client.status() }
    guard case .unreachable(let coordinators, _)? = error else { Issue.record("another error: \(String(describing: error))"); return }
    #expect(coordinators == [endpoint, endpoint])
    #expect(error?.isRetriable == true)
    await client.close()
  }

  @Test("an answer lost with its connection is asked for again")
  func lostAnswer() async throws {
    let coordinator = try await AdminCoordinator { _, count in count < 3 ? .drop : .published(.candidate) }.start()
    let client = client([coordinator])
    let published = try await client.publish(contents)
    #expect(published.state == .candidate)
    #expect(coordinator.published.count == 3)
    await client.close()
    await coordinator.stop()
  }

  @Test("a coordinator that drops every request is given up after a few")
  func alwaysDropped() async throws {
    let coordinator = try await AdminCoordinator { _, _ in .drop }.start()
    let client = client([coordinator], timeout: .hours(1))
    let error = await failure { try await client.status() }
    guard case .unreachable? = error else { Issue.record("another error: \(String(describing: error))"); return }
    #expect(coordinator.asked.count == AdminClient.sendsMax)
    await client.close()
    await coordinator.stop()
  }

  @Test("a refusal is told with the coordinator's own words, and the connection goes on")
  func refusal() async throws {
    let coordinator = try await AdminCoordinator { _, count in
      count == 1 ? .failure(Failure(.notFound, "there is no such bundle here")) : .published(.active)
    }.start()
    let client = client([coordinator])
    let bundle = BundleID(high: 1, low: 2)
    let error = await failure { try await client.activate(bundle) }
    #expect(error?.description.contains("there is no such bundle here") == true)
    #expect(error?.isRetriable == false)
    #expect(try await client.activate(bundle).state == .active)
    #expect(coordinator.published.map(\.step) == [.activate, .activate])
    #expect(coordinator.roles.count == 1)
    await client.close()
    await coordinator.stop()
  }

  @Test("silence ends with the request's time, and names the coordinator", arguments: [1, 30] as [Int64])
  func silence(milliseconds: Int64) async throws {
    let coordinator = try await AdminCoordinator { _, _ in .silence }.start()
    let client = client([coordinator], timeout: .milliseconds(milliseconds))
    let error = await failure { try await client.map() }
    guard case .noAnswer(let endpoint, _)? = error else { Issue.record("another error: \(String(describing: error))"); return }
    #expect(endpoint == coordinator.endpoint)
    await client.close()
    await coordinator.stop()
  }

  @Test("an answer of another kind, or one that can't be read, fails the request", arguments: [FrameKind.status, .clusterMap])
  func garbage(kind: FrameKind) async throws {
    let coordinator = try await AdminCoordinator { _, _ in .garbage(kind) }.start()
    let client = client([coordinator])
    let error = await failure { try await client.map() }
    guard case .refused(_, let failure)? = error else { Issue.record("another error: \(String(describing: error))"); return }
    #expect(failure.code == .malformed)
    await client.close()
    await coordinator.stop()
  }

  @Test("a worker is not taken for a coordinator")
  func wrongRole() async throws {
    let worker = try await AdminCoordinator(role: .node) { _, _ in .status(.test()) }.start()
    let client = client([worker])
    let error = await failure { try await client.status() }
    #expect(error?.description.contains("not the coordinator") == true)
    #expect(worker.asked.isEmpty)
    await client.close()
    await worker.stop()
  }

  @Test("closing fails what is open and what comes later")
  func closing() async throws {
    let coordinator = try await AdminCoordinator { _, _ in .silence }.start()
    let client = client([coordinator])
    async let open = failure { try await client.status() }
    while coordinator.asked.isEmpty { await Task.yield() }
    await client.close()
    for error in [await open, await failure { try await client.status() }] {
      guard case .closed? = error else { Issue.record("another error: \(String(describing: error))"); continue }
    }
    await coordinator.stop()
  }

  @Test("a bundle over the limit never leaves the machine")
  func tooLarge() async throws {
    let coordinator = try await AdminCoordinator { _, _ in .published(.stored) }.start()
    let client = client([coordinator])
    let error = await failure { try await client.publish([UInt8](repeating: 0, count: ClusterLimit.bundleSize + 1)) }
    guard case .bundleTooLarge? = error else { Issue.record("another error: \(String(describing: error))"); return }
    #expect(coordinator.asked.isEmpty)
    await client.close()
    await coordinator.stop()
  }
}
