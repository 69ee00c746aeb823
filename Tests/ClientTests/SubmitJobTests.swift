import Foundation
import NIOCore
import NIOPosix
import Models
import Synchronization
import Testing
import Wire

@testable import Client

/// Whole files, against doubles of workers over real links.
@Suite(.timeLimit(.minutes(1))) struct SubmitJobTests {
  /// A directory of one test.
  private final class Place {
    let path = NSTemporaryDirectory() + "assay-submit-\(UUID().uuidString)"
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws -> String {
      try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
      return "\(path)/\(name)"
    }
    func read(_ name: String) -> String? {
      FileManager.default.contents(atPath: "\(path)/\(name)").map { String(decoding: $0, as: UTF8.self) }
    }
    func checkpoint(_ name: String) -> SubmitCheckpoint? {
      FileManager.default.contents(atPath: "\(path)/\(name).assay-progress").flatMap {
        try? JSONDecoder().decode(SubmitCheckpoint.self, from: $0)
      }
    }
  }

  private func job(_ path: String, output: String? = nil) -> SubmitJobOptions {
    var options = SubmitJobOptions(path: path)
    options.outputPath = output
    options.submit.rowsPerFrame = 16
    options.submit.backoff = Backoff(base: 500_000, limit: 4_000_000)
    return options
  }

  private func run(
    _ cluster: FakeCluster, _ options: SubmitJobOptions, during: ((SubmitJob) async throws -> Void)? = nil
  ) async throws -> SubmitSummary {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let client = cluster.client(on: loop)
    defer { client.close() }
    let map = try await client.map()
    let job = SubmitJob(options, on: loop)
    async let summary = job.run(client, cluster: map.cluster)
    try await during?(job)
    return try await summary
  }

  private static func lines(_ count: Int) -> String {
    (0..<count).map { Rows.line("t\($0)", card: "card-\($0 % 50)") }.joined()
  }

  /// Transaction ids of a file of decisions, in its order.
  private static func ids(_ text: String?) -> [String] {
    (text ?? "").split(separator: "\n").map { line in
      let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return object?["transaction_id"] as? String ?? "?"
    }
  }

  @Test func aFileIsDecidedAndItsDecisionsStandInItsOrder() async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 2)
    cluster.publish(primaries: [0, 1])
    cluster.workers[1].follow { $0 == 2 || $0 == 9 ? .decideAndDrop : .decide }
    var text = Self.lines(3_000)
    text += "{\"transaction_id\":\"bad\"}\nnot json\n\n" + Rows.line("t3000", card: "x")
    text += Rows.line("t0", card: "card-0")
    let path = try place.write("in.ndjson", text)
    let summary = try await run(cluster, job(path, output: place.path + "/out.ndjson"))
    #expect(summary.isComplete && !summary.wasDone && summary.failed == 0)
    #expect(summary.counters.decided == 3_001)
    #expect(summary.counters.alreadyDecided == 1, "the last row stands in the file twice")
    #expect(summary.counters.quarantined == 2 && summary.counters.unreadable == ["missing_field": 1, "malformed": 1])
    #expect(place.checkpoint("in.ndjson")?.counters.unreadable == summary.counters.unreadable)
    #expect(summary.unknown == [:])
    #expect(summary.counters.alerts == 300)
    #expect(summary.rows == 3_004)
    #expect(summary.examples.count == 2 && summary.examples[0].hasPrefix("line 3001: missing_field"))
    #expect(Self.ids(place.read("out.ndjson")) == (0...3_000).map { "t\($0)" } + ["t0"])
    #expect(place.read("out.ndjson.partial") == nil)
    let sources = cluster.ledger.state.withLock { $0.quarantined.map(\.source) }
    #expect(Set(sources) == ["submit:in.ndjson:3001", "submit:in.ndjson:3002"])
    await cluster.stop()
  }

  @Test func aFinishedFileIsNotSentAgainUnlessAsked() async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    let path = try place.write("in.ndjson", Self.lines(100))
    var options = job(path)
    _ = try await run(cluster, options)
    let frames = cluster.workers[0].frames
    let second = try await run(cluster, options)
    #expect(second.wasDone && second.isComplete && second.counters.decided == 100)
    #expect(cluster.workers[0].frames == frames)
    options.again = true
    let third = try await run(cluster, options)
    #expect(!third.wasDone && third.counters.decided == 0 && third.counters.alreadyDecided == 100)
    await cluster.stop()
  }

  @Test func labelsAreSentWithTheirTransactions() async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 2)
    cluster.publish(primaries: [0, 1])
    cluster.workers[1].follow { $0 == 2 ? .decideAndDrop : .decide }
    let rows = (0..<200).map { "t\($0)" }
    let inRows = rows.enumerated().map { number, id in
      String(Rows.line(id, card: "card-\(number % 50)").dropLast(2)) + ",\"label\":\"\(number % 3 == 0 ? "fraud" : "legitimate")\"}\n"
    }
    let path = try place.write("labels.ndjson", inRows.joined() + "not json\n")
    var options = job(path)
    options.labels = .inRows
    let summary = try await run(cluster, options)
    #expect(summary.isComplete && summary.counters.decided == 200 && summary.counters.quarantined == 1 && summary.unknown == [:])
    let sent = cluster.ledger.state.withLock { $0.labels }
    #expect(sent.count == 200 && sent.allSatisfy { ($0.value.finding == .fraud) == (Int($0.key.dropFirst())! % 3 == 0) })
    await cluster.stop()
  }

  @Test func labelsByIdFindTheirTransactions() async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    let path = try place.write("in.ndjson", Self.lines(300) + "not json\n")
    var options = job(path)
    options.labels = .byTransaction(
      try LabelTable(csv: Array("pattern,label,transaction_id,label_version\nx,1,t7,2\r\n,legitimate,\"t250\",\n,fraud,t999,\n".utf8)))
    let summary = try await run(cluster, options)
    #expect(summary.isComplete && summary.counters.rows == 2 && summary.counters.decided == 2)
    let sent = cluster.ledger.state.withLock { $0.labels }
    #expect(sent == ["t7": Label(.fraud, version: 2), "t250": Label(.legitimate)])
    for (text, line) in [("id,label\n", 1), ("transaction_id,label\nt1,maybe\n", 2), ("transaction_id,label\n\nt1,1\nt1,0\n", 4)] {
      do throws(LabelTable.Defect) {
        _ = try LabelTable(csv: Array(text.utf8))
        Issue.record("taken: \(text)")
      } catch {
        #expect(error.line == line)
      }
    }
    await cluster.stop()
  }

  @Test func csvIsReadAndWritten() async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    var text = "transaction_id;event_time;amount;currency;card;note\r\n"
    for i in 0..<200 { text += "t\(i);2026-11-21T07:00:00Z;1.50;EUR;c\(i % 9);\"a\nb; \(i)\"\r\n" }
    text += "t200;yesterday;1;EUR;c1;m\r\n"
    let path = try place.write("in.csv", text)
    let summary = try await run(cluster, job(path, output: place.path + "/out.csv"))
    #expect(summary.counters.decided == 200 && summary.counters.quarantined == 1, "\(summary)")
    let lines = place.read("out.csv")!.split(separator: "\n")
    try #require(lines.count == 201)
    #expect(lines[0].hasPrefix("transaction_id,partition,offset,card"))
    #expect(lines[8].hasPrefix("t7,1,7,c7,") && lines[8].contains("potential_fraud,review,0.900000,CARD_VELOCITY"))
    #expect(summary.examples[0].hasPrefix("line 402: "), "two lines a row, behind the header")
    await cluster.stop()
  }

  @Test func keysThatNoFieldHasAreToldWithTheirRows() async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    func with(_ key: String, _ rows: Range<Int>) -> String {
      rows.map { Rows.line("t\($0)", card: "c").replacing("{", with: "{\"\(key)\":1,", maxReplacements: 1) }.joined()
    }
    let text =
      Self.lines(10) + with("merchnat", 10..<2_000) + with("4111111111111111", 2_000..<2_003) + with("mer\\u0063hnat", 2_003..<2_004)
    let path = try place.write("in.ndjson", text)
    let told = Mutex<Set<[String]>>([])
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let client = cluster.client(on: loop)
    let job = SubmitJob(job(path), on: loop) { progress in told.withLock { _ = $0.insert(progress.unknown) } }
    let summary = try await job.run(client, cluster: client.map().cluster)
    #expect(summary.counters.decided == 2_004)
    #expect(summary.unknown == ["merchnat": 1_991, "": 3], "what may be a card number is not repeated")
    #expect(told.withLock { $0 }.isSubset(of: [[], ["merchnat"], ["", "merchnat"]]))
    client.close()

    let csv = try place.write(
      "in.csv", "transaction_id,event_time,amount,currency,card,note\n" + (0..<9).map { "c\($0),2026-11-21T07:00:00Z,1,EUR,c,x\n" }.joined()
    )
    #expect(try await run(cluster, self.job(csv)).unknown == ["note": 9])
    await cluster.stop()
  }

  @Test func progressOfBeforeReasonsWereKeptIsRead() throws {
    let text = #"{"decided":5,"alreadyDecided":1,"alerts":2,"quarantined":3,"rejected":{"time_in_future":1}}"#
    let counters = try JSONDecoder().decode(SubmitCounters.self, from: Data(text.utf8))
    #expect(counters.quarantined == 3 && counters.unreadable.isEmpty && counters.rows == 10)
    #expect(try JSONDecoder().decode(SubmitCounters.self, from: JSONEncoder().encode(counters)) == counters)
  }

  @Test func featuresAreWrittenWhereAskedFor() async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    let path = try place.write("in.ndjson", Self.lines(40))
    var options = job(path, output: place.path + "/out.ndjson")
    options.submit.withFeatures = true
    _ = try await run(cluster, options)
    let lines = place.read("out.ndjson")!.split(separator: "\n")
    #expect(lines[3].contains("\"features\":{\"a\":1.5,\"b\":3.0}") || lines[3].contains("\"features\":{\"a\":1.5,\"b\":3}"))
    await cluster.stop()
  }

  @Test func rejectedRowsAreCountedByReason() async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    cluster.workers[0].follow { frame in
      frame <= 2 ? .reject(Rejection(frame == 1 ? .conflictingDuplicate : .timeInFuture, "because")) : .decide
    }
    let path = try place.write("in.ndjson", Self.lines(64))
    let summary = try await run(cluster, job(path))
    #expect(summary.isComplete)
    #expect(summary.counters.conflicts == 16 && summary.counters.rejectedTotal == 32 && summary.counters.decided == 32)
    await cluster.stop()
  }

  @Test func rowsThatFailStopTheFileAndTheNextCallGoesOnThere() async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    cluster.workers[0].follow { $0 > 10 ? .retry(.storageFull) : .decide }
    let path = try place.write("in.ndjson", Self.lines(5_000))
    var options = job(path, output: place.path + "/out.ndjson")
    options.submit.attemptsMax = 3
    options.submit.framesInFlight = 1
    options.submit.rowsMax = 200
    let first = try await run(cluster, options)
    #expect(!first.isComplete && first.failed > 0)
    #expect(first.counters.decided == 160 && first.nextLine == 161)
    #expect(first.rows < 5_000, "reading ends with the first row that fails")
    #expect(first.examples[0].contains("line 161: not decided (storage_full, sent 3 times)"))
    #expect(place.read("out.ndjson") == nil)
    cluster.workers[0].follow { _ in .decide }
    let second = try await run(cluster, options)
    #expect(second.isComplete && second.counters.decided == 5_000 && second.counters.alreadyDecided == 0)
    #expect(Self.ids(place.read("out.ndjson")) == (0..<5_000).map { "t\($0)" })
    cluster.ledger.state.withLock { #expect($0.sentTooLate.isEmpty) }
    await cluster.stop()
  }

  /// The state of the disk at one instant is what a killed process leaves. Progress is read before the decisions, which
  /// only grow: as if it had been killed between the two writes.
  @Test(arguments: [1, 5, 20, 45]) func aKilledSubmissionDecidesEachRowOnce(framesBeforeTheKill: Int) async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 2)
    cluster.publish(primaries: [0, 1, 0])
    for worker in cluster.workers {
      worker.follow { $0 > framesBeforeTheKill ? .hold : $0 % 4 == 3 ? .decideAndDrop : .decide }
    }
    var text = Self.lines(2_000)
    text += "unreadable\n" + Rows.line("t2000", card: "y")
    let path = try place.write("in.ndjson", text)
    var options = job(path, output: place.path + "/out.ndjson")
    options.saveInterval = 1_000_000
    var progress: Data?
    var partial: Data?
    let first = try await run(cluster, options) { _ in
      // Both workers hold, and progress has come as far as it can.
      var last: SubmitCheckpoint?
      var same = 0
      while same < 20 || cluster.workers.contains(where: { $0.heldCount == 0 }) {
        await Task.yield()
        guard let now = place.checkpoint("in.ndjson") else { continue }
        same = now == last ? same + 1 : 0
        last = now
      }
      progress = FileManager.default.contents(atPath: path + ".assay-progress")
      partial = FileManager.default.contents(atPath: options.outputPath! + ".partial")
      for worker in cluster.workers {
        worker.follow { _ in .decide }
        worker.release()
      }
    }
    #expect(first.isComplete)
    let checkpoint = try JSONDecoder().decode(SubmitCheckpoint.self, from: progress!)
    #expect(!checkpoint.isComplete)
    // Back to what the kill left.
    try progress!.write(to: URL(fileURLWithPath: path + ".assay-progress"))
    try partial!.write(to: URL(fileURLWithPath: options.outputPath! + ".partial"))
    try FileManager.default.removeItem(atPath: options.outputPath!)
    let second = try await run(cluster, options)
    #expect(second.isComplete)
    #expect(second.counters.decided == 2_001 && second.counters.alreadyDecided == 0 && second.counters.quarantined == 1)
    #expect(second.rows == 2_002 - checkpoint.counters.rows, "the acknowledged rows are not sent again")
    #expect(Self.ids(place.read("out.ndjson")) == (0...2_000).map { "t\($0)" })
    cluster.ledger.state.withLock { state in
      #expect(state.entries.count == 2_001)
      #expect(state.sentTooLate.isEmpty, "rows of the killed call keep their first-sent time")
    }
    await cluster.stop()
  }

  @Test func progressOfAnotherFileIsRefused() async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    let path = try place.write("in.ndjson", Self.lines(10))
    _ = try await run(cluster, job(path))
    _ = try place.write("in.ndjson", Self.lines(11))
    let changed = await #expect(throws: ClientError.self) { try await run(cluster, job(path)) }
    #expect("\(changed!)".contains("the file has changed: give --again"))
    await cluster.stop()
  }

  @Test func filesThatCannotBeUsedAreNamed() async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    let missing = await #expect(throws: ClientError.self) { try await run(cluster, job(place.path + "/no.csv")) }
    #expect("\(missing!)".contains("no.csv: can't be read: No such file"))
    let directory = await #expect(throws: ClientError.self) { try await run(cluster, job(place.path)) }
    #expect("\(directory!)".contains("is no regular file"))
    let path = try place.write("in.csv", "a,b\n1,2\n")
    let header = await #expect(throws: ClientError.self) { try await run(cluster, job(path)) }
    #expect("\(header!)".contains("the CSV header can't be used"))
    let rows = try place.write("in.ndjson", Self.lines(1))
    let output = await #expect(throws: ClientError.self) { try await run(cluster, job(rows, output: place.path + "/no/out")) }
    #expect("\(output!)".contains("/no/out.partial: can't be written"))
    await cluster.stop()
  }

  @Test func aSteadyRateMeasuresFromTheDueTime() async throws {
    let place = try Place()
    let cluster = try await FakeCluster(workers: 1)
    cluster.publish(primaries: [0])
    let path = try place.write("in.ndjson", Self.lines(200))
    var options = job(path)
    options.rate = 20_000
    let summary = try await run(cluster, options)
    #expect(summary.counters.decided == 200)
    #expect(summary.elapsed >= 199.0 / 20_000, "the last row is due that long after the first")
    #expect(summary.latency?.count == 200)
    await cluster.stop()
  }
}
