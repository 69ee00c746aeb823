import ArgumentParser
import Models
import Wire

struct XGBoostOptions: ParsableArguments {
  @Option(help: "A Python with the xgboost package, to measure it in the same run.") var python: String?
}

/// Tree ensembles: rows one by one and in batches.
struct ScoringBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scoring", abstract: "Tree ensembles, one by one and in batches, beside the XGBoost package.")

  static let features = 30

  @OptionGroup var peer: XGBoostOptions

  func run() throws { _ = try measure() }

  func measure() throws -> [Figure] {
    print(title: "scoring: ns a row on one thread, random trees over \(Self.features) features")
    var figures: [Figure] = []
    for (trees, depth) in [(100, 6), (500, 8)] {
      let shape = "\(trees)x\(depth)"
      let model = try TreeEnsemble.random(trees: trees, depth: depth, features: Self.features, seed: 1)
      for rows in [1, 8, 32, 128] {
        let goal: Figure.Goal? = trees == 100 && rows == 1 ? .atMost(900) : nil
        figures.append(
          Figure("\(shape), \(rows == 1 ? "one by one" : "\(rows) at once")", time(model, rows), "ns/row", digits: 0, goal: goal))
      }
    }
    figures += XGBoostPeer.measure(python: peer.python, features: Self.features)
    Figure.print(figures)
    return figures
  }

  /// Median of five rounds, nanoseconds a row, over rows that differ from call to call.
  private func time(_ model: TreeEnsemble, _ rows: Int) -> Double {
    let total = 4096
    var random = SystemRandomNumberGenerator()
    let values = (0..<total * Self.features).map { _ in Float.random(in: -1..<1, using: &random) }
    var out = [Float](repeating: 0, count: rows)
    var scratch = TreeScratch()
    let repeats = max(1, 40_000_000 / (model.trees.count * total * 8))
    let rounds = (0..<5).map { _ in
      ProcessTimes.cpuSeconds {
        for _ in 0..<repeats {
          var row = 0
          while row + rows <= total {
            values.withUnsafeBufferPointer { values in
              out.withUnsafeMutableBufferPointer {
                model.score(
                  rows: values.baseAddress! + row * Self.features, rowCount: rows, stride: Self.features, into: $0.baseAddress!,
                  scratch: &scratch)
              }
            }
            row += rows
          }
        }
      } * 1e9 / Double(repeats * (total / rows) * rows)
    }
    return median(rounds)
  }
}
