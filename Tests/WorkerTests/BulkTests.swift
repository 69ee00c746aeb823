import Testing

@testable import Worker

/// What holds bulk batches back. Times in ms here.
struct BulkTests {
  private static let ms: Int64 = 1_000_000

  /// A log that answers a batch after `base`, and after the longer the more is under way: `perThousand` rows.
  private struct Log {
    var gate = BulkGate()
    var now: Int64 = 1
    var base: Int64
    var perThousand: Int64
    private var under: [(began: Int64, due: Int64)] = []

    init(base: Int64, perThousand: Int64) {
      self.base = base
      self.perThousand = perThousand
    }

    /// Keeps the gate full for `seconds`; returns the longest that an answer took.
    mutating func run(seconds: Int64) -> Int64 {
      var longest: Int64 = 0
      let end = now + seconds * 1_000 * BulkTests.ms
      while now < end {
        while gate.admits(128) {
          gate.began(128, now: now)
          under.append((now, now + base + perThousand * Int64(gate.underWay) / 1_000))
        }
        let first = under.removeFirst()
        now = max(now, first.due)
        longest = max(longest, now - first.began)
        gate.ended(128, began: first.began, now: now)
      }
      return longest
    }
  }

  @Test func itOpensWhileAnswersStayQuick() {
    var log = Log(base: 3 * Self.ms, perThousand: 0)
    _ = log.run(seconds: 5)
    #expect(log.gate.window == BulkGate.windowMax)
  }

  @Test func itClosesWhenMoreUnderWayOnlyWaitsLonger() {
    var log = Log(base: Self.ms, perThousand: 2 * Self.ms)
    _ = log.run(seconds: 5)
    let longest = log.run(seconds: 5)
    #expect(log.gate.window < 16_384 && log.gate.window >= BulkGate.windowMin)
    #expect(longest < 40 * Self.ms, "a queue that had grown to its bound would take \(log.perThousand * 65 / Self.ms) ms")
  }

  @Test func oneBatchAlwaysGoesAndStuckOnesHoldNobodyUp() {
    var gate = BulkGate()
    #expect(admits(&gate, 10_000))
    gate.began(10_000, now: 1)
    #expect(!admits(&gate, 1))
    gate.tick(now: BulkGate.stuckAfter / 2)
    #expect(!admits(&gate, 1))
    gate.tick(now: BulkGate.stuckAfter * 2)
    #expect(admits(&gate, 1) && gate.underWay == 0)
    gate.began(128, now: BulkGate.stuckAfter * 2)
    gate.ended(10_000, began: 1, now: BulkGate.stuckAfter * 2)
    #expect(gate.underWay == 128, "what is counted out is not counted out twice")
  }

  private func admits(_ gate: inout BulkGate, _ rows: Int) -> Bool { gate.admits(rows) }

  @Test func theQueueKeepsOrderAndBounds() {
    var queue = BulkQueue<Int>()
    var added = 0
    while queue.add(added, rows: 128, bytes: 20_000) { added += 1 }
    #expect(added == BulkQueue<Int>.rowsMax / 128 && queue.rows == BulkQueue<Int>.rowsMax)
    for index in 0..<added {
      let first = queue.removeFirst()
      #expect(first == index)
    }
    #expect(queue.isEmpty && queue.rows == 0 && queue.bytes == 0)
    var large = 0
    while queue.add(large, rows: 1, bytes: 1 << 20) { large += 1 }
    #expect(large == 16)
  }

  @Test func whoIsSentAwayHearsWhenToComeAgain() {
    var meter = DrainMeter()
    #expect(meter.milliseconds(for: 1_000) == 100, "nothing is known yet")
    for _ in 0..<200 {
      meter.count(50)
      meter.lap(0.05)
    }
    #expect((990...1_010).contains(meter.milliseconds(for: 1_000)))
    #expect(meter.milliseconds(for: 1) == 20 && meter.milliseconds(for: 1_000_000) == 30_000)
  }
}
