import NIOCore
import NIOPosix
import Synchronization
import Testing
import Wire

@testable import Client

/// The submitter against doubles of workers, over real links.
@Suite(.timeLimit(.minutes(1))) struct SubmitterTests {
  private static func rows(_ count: Int, cards: Int) -> [[UInt8]] {
    (0..<count).map { Rows.record("t\($0)", card: "card-\($0 % cards)") }
  }

  private static var options: SubmitOptions {
    var options = SubmitOptions()
    options.backoff = Backoff(base: 500_000, limit: 4_000_000)
    options.rowsPerFrame = 32
    options.framesInFlight = 4
    return options
  }

  private func run(
    _ cluster: FakeCluster, rows: [[UInt8]], quarantine: [Quarantine.Record] = [], options: SubmitOptions = options
  ) async throws -> (reports: [UInt64: Collector.Report], collector: Collector) {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let client = cluster.client(on: loop)
    let collector = Collector(on: loop)
    let reports = try await collector.run(client, rows: rows, quarantine: quarantine, options: options)
    client.close()
    return (reports, collector)
  }

  @Test func rowsOfOneCardArriveInTheirOrder() async throws {
    let cluster = try await FakeCluster(workers: 2)
    cluster.publish(primaries: [0, 1, 0, 1])
    let (reports, _) = try await run(cluster, rows: Self.rows(5_000, cards: 37))
    #expect(reports.values.allSatisfy { $0.times == 1 && $0.kind == .decided && $0.attempts == 1 })
    let order = cluster.ledger.state.withLock { $0.order }
    #expect(order.count == 5_000)
    var last: [String: Int] = [:]
    for (id, card) in order {
      let number = Int(id.dropFirst())!
      #expect(number > last[card] ?? -1)
      last[card] = number
    }
    await cluster.stop()
  }

  @Test func rowsGoToThePrimaryOfTheirCard() async throws {
    let cluster = try await FakeCluster(workers: 2)
    cluster.publish(primaries: [0, 1])
    cluster.workers[0].follow { _ in .reject(Rejection(.malformed, "not here")) }
    let (reports, _) = try await run(cluster, rows: Self.rows(400, cards: 400))
    let tiles = KeyRange.tiles(2)
    for (tag, report) in reports {
      let isFirst = tiles[0].contains(Rows.key("card-\(tag)"))
      #expect(report.kind == (isFirst ? .rejected : .decided))
    }
    await cluster.stop()
  }

  @Test func everyRowIsReportedOnceWhateverBreaks() async throws {
    let cluster = try await FakeCluster(workers: 3)
    cluster.publish(primaries: [0, 1, 0, 1])
    let moved = Atomic<Bool>(false)
    cluster.workers[0].follow { frame in
      switch frame {
      case 2: .decideAndDrop
      case 5: .retry(.busy)
      case 8: .failure(Failure(.unavailable, "not now"))
      case 11: .drop
      case 14: .failure(Failure(.busy, "too much", retryAfterMilliseconds: 3))
      case 20...:
        {
          // The partitions have moved; the map says so a moment later.
          if !moved.exchange(true, ordering: .relaxed) { cluster.publish(primaries: [2, 1, 2, 1]) }
          return .retry(.notPrimary)
        }()
      default: .decide
      }
    }
    cluster.workers[1].follow { $0 % 7 == 3 ? .decideAndDrop : .decide }
    let (reports, _) = try await run(cluster, rows: Self.rows(4_000, cards: 500))
    #expect(reports.count == 4_000)
    for (tag, report) in reports {
      #expect(report.times == 1)
      #expect(report.kind == .decided)
      #expect(report.id == "t\(tag)")
    }
    #expect(reports.values.contains { $0.attempts > 1 })
    #expect(cluster.workers[2].frames > 0)
    cluster.ledger.state.withLock { state in
      #expect(state.entries.count == 4_000)
      #expect(state.sentTooLate.isEmpty, "rows are sent again with their first-sent time")
    }
    await cluster.stop()
  }

  @Test func framesInFlightAndRowsInMemoryAreBounded() async throws {
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    let worker = cluster.workers[0]
    let heldMax = Atomic<Int>(0)
    // Holds every frame until four are held, and then a fifth can't come.
    worker.follow { _ in
      let held = worker.heldCount + 1
      heldMax.max(held, ordering: .relaxed)
      return .hold
    }
    var options = Self.options
    options.rowsMax = 1_000
    let release = Task {
      while !Task.isCancelled {
        if worker.heldCount == 4 { worker.release() }
        await Task.yield()
      }
    }
    let (reports, collector) = try await run(cluster, rows: Self.rows(32 * 4 * 20, cards: 50), options: options)
    release.cancel()
    #expect(reports.values.allSatisfy { $0.times == 1 && $0.kind == .decided })
    #expect(collector.outstandingMax <= 1_000)
    #expect(heldMax.load(ordering: .relaxed) <= 4)
    await cluster.stop()
  }

  @Test func aLateAnswerToAFrameGivenUpIsNotReportedAgain() async throws {
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    let worker = cluster.workers[0]
    worker.follow { frame in
      if frame == 1 { return .hold }
      // The frame given up is answered first.
      if frame == 2 { worker.releaseLater() }
      return .decide
    }
    var options = Self.options
    options.requestTimeout = 30_000_000
    let (reports, _) = try await run(cluster, rows: Self.rows(20, cards: 20), options: options)
    #expect(reports.count == 20)
    #expect(reports.values.allSatisfy { $0.times == 1 && $0.kind == .decided && $0.attempts >= 2 })
    await cluster.stop()
  }

  @Test func aRowIsSentNoMoreOftenThanItsBudget() async throws {
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    cluster.workers[0].follow { _ in .retry(.busy) }
    var options = Self.options
    options.attemptsMax = 3
    let (reports, _) = try await run(cluster, rows: Self.rows(10, cards: 10), options: options)
    #expect(reports.values.allSatisfy { $0.kind == .failed && $0.attempts == 3 && $0.failure == .busy })
    await cluster.stop()
  }

  @Test func aRowThatNoWorkerCanTakeFailsAtItsDeadline() async throws {
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [nil, 0])
    var options = Self.options
    options.rowDeadline = 50_000_000
    await cluster.workers[0].stop()
    let (reports, _) = try await run(cluster, rows: Self.rows(50, cards: 50), options: options)
    #expect(reports.count == 50)
    #expect(reports.values.allSatisfy { $0.kind == .failed && $0.failure == .unavailable && $0.attempts == 0 })
    await cluster.stop()
  }

  @Test func aRefusalForGoodFailsTheRowsAtOnce() async throws {
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    cluster.workers[0].follow { _ in .failure(Failure(.notAuthorized, "clients may not")) }
    let (reports, _) = try await run(cluster, rows: Self.rows(10, cards: 10))
    #expect(reports.values.allSatisfy { $0.kind == .failed && $0.failure == .notAuthorized && $0.attempts == 1 })
    await cluster.stop()
  }

  @Test func rowsOfADeadWorkerMoveWithTheMap() async throws {
    let cluster = try await FakeCluster(workers: 2)
    cluster.publish(primaries: [0, 0])
    // Silent: neither answers nor closes. The map says that it is gone.
    cluster.workers[0].follow { frame in
      if frame == 1 { cluster.publish(primaries: [1, 1], gone: [0]) }
      return .hold
    }
    var options = Self.options
    // No frame runs out of time: only the map can free its rows.
    options.requestTimeout = 3_600_000_000_000
    let (reports, _) = try await run(cluster, rows: Self.rows(500, cards: 100), options: options)
    #expect(reports.values.allSatisfy { $0.times == 1 && $0.kind == .decided })
    await cluster.stop()
  }

  @Test func unreadableRecordsAreSentUntilAWorkerHasThem() async throws {
    let cluster = try await FakeCluster(workers: 2)
    cluster.publish(primaries: [0, 1])
    cluster.workers[0].follow { $0 == 1 ? .drop : .decide }
    cluster.workers[1].follow { $0 == 1 ? .failure(Failure(.busy, "not now")) : .decide }
    let records = (0..<100).map {
      Quarantine.Record(rejection: Rejection(.malformed, "no"), source: "submit:f:\($0)", excerpt: [1, 2, 3])
    }
    let (_, collector) = try await run(cluster, rows: [], quarantine: records)
    #expect(collector.quarantined.count == 100)
    #expect(collector.quarantined.values.allSatisfy { $0 == 1 })
    let sources = cluster.ledger.state.withLock { Set($0.quarantined.map(\.source)) }
    #expect(sources.count == 100)
    await cluster.stop()
  }

  @Test func theLastMapIsGoodEnoughWhileTheCoordinatorIsAway() async throws {
    let cluster = try await FakeCluster(workers: 2)
    cluster.publish(primaries: [0])
    cluster.workers[0].follow { frame in
      if frame == 1 { cluster.coordinator.disconnect() }
      // Once the client is back with the coordinator, it hears of the move.
      if frame == 10 { cluster.publish(primaries: [1]) }
      return frame >= 10 ? .retry(.notPrimary) : .decide
    }
    let (reports, _) = try await run(cluster, rows: Self.rows(2_000, cards: 10))
    #expect(reports.values.allSatisfy { $0.times == 1 && $0.kind == .decided })
    #expect(cluster.coordinator.watches >= 2)
    await cluster.stop()
  }

  @Test func aClientWithoutACoordinatorSaysWhy() async throws {
    let cluster = try await FakeCluster(workers: 1)
    let endpoint = cluster.coordinator.endpoint
    await cluster.stop()
    let client = cluster.client(on: MultiThreadedEventLoopGroup.singleton.next())
    let error = await #expect(throws: ClientError.self) { try await client.map(within: 1_000_000_000) }
    client.close()
    let text = "\(error!)"
    #expect(text.contains("\(endpoint)") && text.contains("nothing listens there"))
  }
}
