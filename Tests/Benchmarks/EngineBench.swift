import ArgumentParser
import Models
import Wire
import Worker

/// The engine alone: transactions made in the process, decided by one shard, no journal and no network.
struct EngineBench: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "engine", abstract: "CPU of a decision without journal and network.")

  @Option(help: "Of each round.") var transactions = 1_000_000
  @Option var rounds = 5
  @Option var cards = 100_000
  @Option var partitions = 16
  @Option var batch = 128

  func run() throws { _ = try measure() }

  func measure() throws -> [Figure] {
    let bundle = try BenchBundle.make()
    var rig = EngineRig(bundle: bundle, partitions: partitions)
    var source = LoadSource(seed: 1, prefix: 1, cards: cards)
    var now = BenchBundle.start
    var payload: [UInt8] = []
    let steps = max(1, transactions / batch)
    func fill() {
      now += 1
      rig.fill(&payload, from: &source, rows: batch, at: now)
    }
    // Before the clock starts: pages are touched, cards have history.
    var parts = EngineParts(bundle: bundle, batch: batch, recordLength: source.recordLength)
    for _ in 0..<max(1, steps / 2) {
      fill()
      rig.decide(payload, now: now)
    }
    var sources: [Double] = []
    var intakes: [Double] = []
    var wholes: [Double] = []
    let before = rig.decided
    for _ in 0..<rounds {
      let sourceOnly = ProcessTimes.cpuSeconds { for _ in 0..<steps { fill() } }
      let prepared = ProcessTimes.cpuSeconds {
        for _ in 0..<steps {
          fill()
          rig.prepare(payload, now: now)
        }
      }
      let whole = ProcessTimes.cpuSeconds {
        for _ in 0..<steps {
          fill()
          rig.decide(payload, now: now)
        }
      }
      parts.round(steps: steps, source: &source, now: &now)
      sources.append(sourceOnly)
      intakes.append(prepared - sourceOnly)
      wholes.append(whole)
    }
    precondition(rig.decided - before == rounds * steps * batch, "every transaction is decided")
    func perRow(_ seconds: [Double]) -> Double { median(seconds) * 1e6 / Double(steps * batch) }
    let engine = perRow(wholes) - perRow(sources)
    let rest = engine - perRow(intakes) - perRow(parts.features) - perRow(parts.scoring)
    let figures = [
      Figure("source and engine", perRow(wholes), "CPU-us/decision", digits: 3, goal: .atMost(1.5)),
      Figure("  source", perRow(sources), "CPU-us/decision", digits: 3),
      Figure("  engine", engine, "CPU-us/decision", digits: 3),
      Figure("    validate and route", perRow(intakes), "CPU-us/decision", digits: 3),
      Figure("    features", perRow(parts.features), "CPU-us/decision", digits: 3),
      Figure("    scoring, 100 trees of depth 6", perRow(parts.scoring), "CPU-us/decision", digits: 3),
      Figure("    dedup, log record, outcome (the rest)", rest, "CPU-us/decision", digits: 3),
      Figure("alerts", Double(rig.alerts) * 100 / Double(rig.decided), "% of decisions"),
    ]
    print(title: "engine: \(rounds) rounds of \(steps * batch) transactions, \(cards) cards, \(partitions) partitions, batches of \(batch)")
    Figure.print(figures)
    return figures
  }
}
