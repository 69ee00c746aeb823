import Testing
import Wire

@testable import Client

@Suite struct PacerTests {
  @Test func dueTimesLieOnTheScheduleWhateverTheDelay() {
    var pacer = Pacer(rate: 1_000, start: 5_000)
    #expect(pacer.take(4_999) == nil)
    #expect(pacer.take(5_000) == 5_000)
    #expect(pacer.take(5_000) == nil && pacer.nextDue == 1_005_000)
    // Three milliseconds late: three rows are due at once, each at its own time.
    #expect([pacer.take(3_005_000), pacer.take(3_005_000), pacer.take(3_005_000)] == [1_005_000, 2_005_000, 3_005_000])
    #expect(pacer.take(3_005_000) == nil)
  }

  @Test func noRoundingAddsUp() {
    var pacer = Pacer(rate: 3, start: 0)
    for _ in 0..<2_999_999 { _ = pacer.take(.max) }
    #expect(pacer.nextDue == 999_999_666_666_666 || pacer.nextDue == 999_999_666_666_667)
  }
}

@Suite struct BackoffTests {
  @Test func delaysDoubleUpToTheLimitAndHalfIsRandom() {
    var generator = JitterGenerator(seed: 3)
    let backoff = Backoff(base: 1_000, limit: 50_000)
    for attempt in 1...200 {
      let whole: Int64 = attempt > 6 ? 50_000 : min(50_000, 1_000 << Int64(attempt - 1))
      let delay = backoff.delay(after: attempt, using: &generator)
      #expect((whole / 2...whole).contains(delay))
    }
    let many = Set((0..<50).map { _ in backoff.delay(after: 7, using: &generator) })
    #expect(many.count > 40, "clients that fail together don't come back together")
  }

  @Test func hugeBasesDoNotOverflow() {
    var generator = JitterGenerator(seed: 3)
    let backoff = Backoff(base: .max / 2, limit: .max)
    for attempt in 1...100 { #expect(backoff.delay(after: attempt, using: &generator) > 0) }
  }
}

@Suite struct LatencyRecorderTests {
  @Test func percentilesAreInMillisecondsByOutcome() throws {
    var recorder = LatencyRecorder()
    for i in 1...1_000 { recorder.record(.decided, nanoseconds: Int64(i) * 1_000_000) }
    recorder.record(.failed, nanoseconds: -5)
    recorder.record(.failed, nanoseconds: .max)
    let decided = try #require(recorder.summary(.decided))
    #expect(decided.count == 1_000)
    #expect(abs(decided.p50 - 500) < 1 && abs(decided.p99 - 990) < 1.5 && abs(decided.max - 1_000) < 1)
    #expect(recorder.summary(.failed)?.count == 2)
    #expect(recorder.summary(.rejected) == nil)
  }
}

@Suite struct RouteTableTests {
  @Test func everyKeyGoesWhereTheMapSaysItIs() {
    var generator = JitterGenerator(seed: 11)
    var nodes: [NodeID: String] = [:]
    for number: UInt32 in 1...5 { nodes[NodeID(number)] = "h:\(number)" }
    for count in [1, 2, 3, 7, 64] {
      var primaries: [NodeID?] = []
      for index in 0..<count { primaries.append(index % 6 == 5 ? nil : NodeID(UInt32(index % 5 + 1))) }
      var map = ClusterMap.test(version: 1, nodes: nodes, primaries: primaries)
      if count > 3 {
        // Ranges of unequal width, as after a split.
        for index in 1..<count {
          let edge = UInt64(index) * UInt64(index) << 50
          map.partitions[index - 1].range = KeyRange(first: map.partitions[index - 1].range.first, last: KeyHash(edge))
          map.partitions[index].range = KeyRange(first: KeyHash(edge + 1), last: KeyHash(.max))
        }
      }
      #expect(map.problem == nil)
      let table = RouteTable(map) { Int($0.rawValue) }
      var keys = (0..<500).map { _ in KeyHash(generator.next()) }
      for partition in map.partitions { keys += [partition.range.first, partition.range.last] }
      for key in keys {
        #expect(table.pipe(of: key) == map.primary(for: key).map { Int($0.id.rawValue) } ?? RouteTable.none)
      }
    }
  }

  @Test func withoutAMapNothingHasAHome() { #expect(RouteTable().pipe(of: KeyHash(7)) == RouteTable.none) }
}

@Suite struct EndpointTests {
  @Test func addressesAreReadStrictly() {
    #expect(Endpoint("host:7400") == Endpoint(host: "host", port: 7400))
    #expect(Endpoint("[::1]:80")?.description == "[::1]:80")
    for text in ["host", "host:", ":80", "host:0", "host:65536", "::1:80", "host:8x", ""] { #expect(Endpoint(text) == nil) }
  }
}

@Suite struct ClientConfigTests {
  @Test func aClusterDirectorysFileIsRead() throws {
    let config = try ClientConfig(
      yaml: "coordinators: [\"127.0.0.1:7400\", \"[::1]:7401\"]\nca: ca.pem\ncertificate: c/client.pem\nkey: /k/client.key\n",
      path: "dev/client.yaml")
    #expect(config.coordinators.map(\.description) == ["127.0.0.1:7400", "[::1]:7401"])
    #expect(config.tls == TLSFiles(certificate: "dev/c/client.pem", key: "/k/client.key", authority: "dev/ca.pem"))
    #expect(try ClientConfig(yaml: "coordinators: [\"h:1\"]", path: "client.yaml").tls == nil)
  }

  @Test func mistakesAreNamedWithTheirPlace() {
    func problem(_ yaml: String) -> String {
      do {
        _ = try ClientConfig(yaml: yaml, path: "d/client.yaml")
        return "none"
      } catch {
        return "\(error)"
      }
    }
    #expect(problem("coordinator: h:1").contains("d/client.yaml:1:1: unknown key 'coordinator'"))
    #expect(problem("coordinators: [\"h\"]").contains("'h' is no address"))
    #expect(problem("coordinators: []").contains("names no coordinator"))
    #expect(problem("ca: x").contains("the key 'coordinators' is missing"))
    #expect(problem("coordinators: [\"h:1\"]\nca: x").contains("stand together"))
  }
}

@Suite struct ChunkWindowTests {
  private func chunk(_ rows: Int, line: inout Int) -> SubmitChunk {
    let chunk = SubmitChunk()
    for _ in 0..<rows {
      chunk.add(SubmitChunk.Unreadable(rejection: Rejection(.malformed, ""), excerpt: []), number: line, end: Int64(line * 10))
      line += 1
    }
    chunk.seal()
    return chunk
  }

  @Test(arguments: 1...40) func rowsAreToldOnceInOrderHoweverTheyAreAnswered(seed: UInt64) {
    var generator = JitterGenerator(seed: seed)
    var window = ChunkWindow()
    var line = 1
    var open: [UInt64] = []
    var told: [Int] = []
    var total = 0
    for _ in 0..<200 {
      if window.count < 5, Bool.random(using: &generator) {
        let rows = Int.random(in: 0...6, using: &generator)
        let chunk = chunk(rows, line: &line)
        total += rows
        window.append(chunk)
        open += (0..<rows).map { chunk.tag($0) }
      }
      if !open.isEmpty {
        let tag = open.remove(at: Int.random(in: 0..<min(open.count, 9), using: &generator))
        let (chunk, index) = window.locate(tag)
        chunk.answer(index) { $0.outcome = .quarantined }
      }
      _ = window.advance { told.append($0.items[$1].line) }
    }
    for tag in open {
      let (chunk, index) = window.locate(tag)
      chunk.answer(index) { $0.outcome = .quarantined }
    }
    _ = window.advance { told.append($0.items[$1].line) }
    #expect(told == Array(1..<1 + total), "seed \(seed)")
    #expect(window.count == 0, "seed \(seed)")
  }

  @Test func aRowThatFailedHoldsThoseBehindIt() {
    var line = 1
    var window = ChunkWindow()
    let chunk = chunk(3, line: &line)
    window.append(chunk)
    chunk.answer(0) { $0.outcome = .decided }
    chunk.answer(1) { $0.outcome = .failed }
    chunk.answer(2) { $0.outcome = .decided }
    var told: [Int] = []
    _ = window.advance { told.append($0.items[$1].line) }
    #expect(told == [1])
  }
}
