import Testing
import Wire

@testable import Client

/// The core against workers that exist only as rules: time, loss, late answers, broken links and moving partitions are
/// drawn from a seed. What must hold at the end: each row reported once, none left.
@Suite struct SubmitCoreSimulation {
  private struct InFlight {
    var node: NodeID
    var correlation: UInt64
    var submit: Submit
    var ids: [UInt64]
    var arrives: Int64
    var link: Int
  }

  /// A cluster by rules, and a client on it, stepped by hand.
  private final class World {
    let core: SubmitCore
    var generator: JitterGenerator
    var now = ClientTime(nanoseconds: 0, wall: 1_790_000_000_000)
    var wire: [InFlight] = []
    /// Generation of each node's link: a frame of an older one is lost.
    var links: [NodeID: Int] = [:]
    var version: UInt64 = 0
    var owners: [NodeID?] = []
    var firstArrival: [UInt64: Int64] = [:]
    var decided: Set<UInt64> = []
    var reports: [UInt64: Int] = [:]
    var problems: [String] = []
    let nodes = [NodeID(1), NodeID(2), NodeID(3)]

    init(seed: UInt64) {
      var options = SubmitOptions()
      options.rowsPerFrame = 8
      options.framesInFlight = 3
      options.rowsMax = 300
      options.requestTimeout = 40_000_000
      options.rowDeadline = 100_000_000_000
      options.backoff = Backoff(base: 1_000_000, limit: 20_000_000)
      core = SubmitCore(options, seed: seed)
      generator = JitterGenerator(seed: seed &* 31)
      move()
    }

    func random(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

    func move() {
      version += 1
      owners = (0..<4).map { _ in random(0...9) == 0 ? nil : nodes[random(0...2)] }
      let addresses = Dictionary(uniqueKeysWithValues: nodes.map { ($0, "127.0.0.1:\(7000 + $0.rawValue)") })
      core.learned(.test(version: version, nodes: addresses, primaries: owners), now)
      for pipe in core.pipes where !pipe.isOpen { core.opened(pipe) }
    }

    func pump() {
      core.pump(now) { pipe, correlation, submit, batch in
        if pipe.inFlight.count > 3 { problems.append("more frames in flight than allowed") }
        let delay = Int64(random(0...19) == 0 ? random(30...80) : random(1...5)) * 1_000_000
        wire.append(
          InFlight(
            node: pipe.node, correlation: correlation, submit: submit, ids: batch.rows.map(\.tag),
            arrives: now.nanoseconds + delay, link: links[pipe.node, default: 0]))
        for row in batch.rows {
          if let first = firstArrival[row.tag], submit.firstSent > first { problems.append("\(row.tag): first-sent time rose") }
          if firstArrival[row.tag] == nil { firstArrival[row.tag] = now.wall }
        }
      }
    }

    func report(_ row: borrowing RowAnswer) {
      reports[row.tag, default: 0] += 1
      if row.kind != .decided { problems.append("\(row.tag) was reported as \(row.kind)") }
    }

    func arrive(_ frame: InFlight) {
      let pipe = core.pipes[core.pipe(of: frame.node)]
      guard links[frame.node, default: 0] == frame.link else { return }
      switch random(0...19) {
      case 0: return  // lost
      case 1:
        frame.ids.forEach { decided.insert($0) }
        return links[frame.node, default: 0] += 1  // decided, and the link breaks
      case 2: return core.refused(pipe, correlation: frame.correlation, Failure(.busy, "busy"), now, report)
      default: break
      }
      var answer = Decisions()
      answer.bundles = [Decisions.BundleNames(id: BundleID(high: 1, low: 1), reasons: [], features: [])]
      for id in frame.ids {
        let key = Rows.key("c\(id % 40)")
        let owner = owners[KeyRange.tiles(4).firstIndex { $0.contains(key) }!]
        if owner != frame.node || random(0...29) == 0 {
          var outcome = Decisions.Outcome(status: .retry)
          outcome.failure = owner == frame.node ? .storageFull : .notPrimary
          answer.outcomes.append(outcome)
        } else {
          answer.outcomes.append(Decisions.Outcome(status: decided.insert(id).inserted ? .decided : .duplicate))
        }
      }
      var out = WireWriter()
      answer.write(to: &out)
      // Some answers are damaged behind the checksum's back: the rows are seen to, and the link ends.
      if random(0...39) == 0 { out.bytes.removeLast(random(1...8)) }
      let bytes = out.bytes
      do {
        try core.answered(pipe, correlation: frame.correlation, bytes.span.bytes, now, report)
      } catch {
        links[frame.node, default: 0] += 1
      }
    }

    /// Links that broke are noticed and opened again.
    func mend(_ noticed: inout [NodeID: Int]) {
      for pipe in core.pipes where links[pipe.node, default: 0] != noticed[pipe.node, default: 0] {
        noticed[pipe.node] = links[pipe.node, default: 0]
        core.closed(pipe, now, report)
        core.opened(pipe)
      }
    }
  }

  @Test(arguments: 1...60) func eachRowIsReportedOnce(seed: UInt64) {
    let world = World(seed: seed)
    let total: UInt64 = 600
    var next: UInt64 = 0
    var noticed: [NodeID: Int] = [:]
    var steps = 0
    while world.reports.count < Int(total), steps < 200_000 {
      steps += 1
      while next < total, world.core.canAccept, world.random(0...3) > 0 {
        let record = Rows.record("t\(next)", card: "c\(next % 40)")
        world.core.enqueue(record.span.bytes, tag: next, start: world.now.nanoseconds, firstSent: nil, now: world.now)
        next += 1
      }
      world.pump()
      world.now.nanoseconds += Int64(world.random(100_000...900_000))
      world.now.wall = 1_790_000_000_000 + world.now.nanoseconds / 1_000_000
      let arrived = world.wire.filter { $0.arrives <= world.now.nanoseconds }
      world.wire.removeAll { $0.arrives <= world.now.nanoseconds }
      for frame in arrived { world.arrive(frame) }
      world.mend(&noticed)
      if world.random(0...199) == 0 { world.move() }
      if world.core.nextDue <= world.now.nanoseconds { world.core.tick(world.now, world.report) }
    }
    #expect(world.problems.isEmpty, "seed \(seed)")
    #expect(world.reports.count == Int(total) && world.reports.values.allSatisfy { $0 == 1 }, "seed \(seed)")
    #expect(world.decided.count == Int(total), "seed \(seed)")
    #expect(world.core.rowsOutstanding == 0 && world.core.bytesOutstanding == 0, "seed \(seed)")
  }
}
