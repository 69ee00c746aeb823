import Models
import Wire

/// Trains an isolation forest on a replayed stream: features by the engine that computes them online, a reservoir of
/// rows, a forest, and the scores of the sampled rows. Fed in the order of the stream; bounded memory but for the cards'
/// state.
final class ForestTraining {
  struct Options {
    var trees = 100
    /// Of each tree.
    var sampleSize = 1_024
    var seed: UInt64 = 1
    /// Rows that the forest is trained from and its scores are measured on.
    var rowsMax = 200_000
  }

  let options: Options
  let features: FeatureSet
  let modelFeatures: [String]
  private let schema: Schema
  private let columns: [Int]
  private var table: LabelledHistories
  private var row: [Double]
  private var reservoir: RowReservoir
  /// Transactions replayed, and those that the schema refuses.
  private(set) var replayed = 0
  private(set) var refused = 0
  private(set) var firstRefusal: Rejection?

  /// `modelFeatures` are names of `features`, at least one.
  init(schema: Schema = .standard, features: FeatureSet, modelFeatures: [String], labels: LabelFile? = nil, options: Options)
    throws
  {
    guard !modelFeatures.isEmpty else { throw OneLine("no feature is left for the model: exclude fewer") }
    self.schema = schema
    self.features = features
    self.modelFeatures = modelFeatures
    self.options = options
    columns = try modelFeatures.map { name in
      guard let index = features.index(of: name) else { throw OneLine("there is no feature '\(name)'") }
      return index
    }
    table = LabelledHistories(features: features, labels: labels)
    row = [Double](repeating: 0, count: features.count)
    reservoir = RowReservoir(width: modelFeatures.count, capacity: options.rowsMax, seed: options.seed)
  }

  var repeatCounts: RepeatCounts { table.repeatCounts }

  /// Rows that count as training data so far.
  var trainingRows: Int { reservoir.seen }

  /// Replays one record. While the windows fill (`isWarmUp`) it makes history and no training row.
  func add(_ record: [UInt8], eventTime: Int64, isWarmUp: Bool, isFraud: Bool = false) {
    let bytes = record.span.bytes
    // Against its own time: a file is neither late nor early.
    if let rejection = schema.validate(bytes, now: eventTime) {
      refused += 1
      firstRefusal = firstRefusal ?? rejection
      return
    }
    let view = TransactionView(trusted: bytes)
    let keyHash = view.keyHash
    row.withUnsafeMutableBufferPointer { row in
      guard table.observe(view, keyHash: keyHash, into: row) != nil else { return }
      replayed += 1
      if !isWarmUp { reservoir.offer(UnsafeBufferPointer(row), columns: columns, isFraud: isFraud) }
    }
  }

  /// Grows the forest, and scores the sampled rows with it.
  func train() throws -> TrainedForest {
    guard reservoir.count >= 2 else {
      throw OneLine("\(NumberText.grouped(reservoir.count)) rows are left to train on: give more, or skip fewer")
    }
    let forest = try IsolationForest.train(
      rows: reservoir.values, featureNames: modelFeatures,
      options: .init(seed: options.seed, trees: options.trees, sampleSize: options.sampleSize))
    let model = try Model(forest, featureNames: modelFeatures)
    let rows = reservoir.values.map(Double.init)
    var scores = [Float](repeating: 0, count: reservoir.count)
    var scratch = ModelScratch()
    rows.withUnsafeBufferPointer { rows in
      scores.withUnsafeMutableBufferPointer { scores in
        model.score(rows: rows, rowCount: scores.count, stride: reservoir.width, into: scores, scratch: &scratch)
      }
    }
    return TrainedForest(forest: forest, scores: scores, isFraud: reservoir.isFraud)
  }
}

/// A forest and what it says of the rows it was trained from.
struct TrainedForest {
  let forest: IsolationForest
  private let ascending: [Float]
  /// Of the sampled rows against their labels; nil where no row is labelled fraud.
  let averagePrecision: Double?

  init(forest: IsolationForest, scores: [Float], isFraud: [Bool]) {
    self.forest = forest
    ascending = scores.sorted()
    averagePrecision = isFraud.contains(true) ? Evaluation.averagePrecision(scores: scores, labels: isFraud) : nil
  }

  var sampledRows: Int { ascending.count }

  /// The score that a share of the rows lies below, 0 to 1.
  func quantile(_ share: Double) -> Float {
    ascending[min(max(Int((share * Double(ascending.count)).rounded(.down)), 0), ascending.count - 1)]
  }

  /// The score that at most `share` of the sampled rows reach. Scores come in steps: where many rows share one, it is the
  /// next step above.
  func threshold(flagging share: Double) -> Float {
    let first = ascending.count - Int(share * Double(ascending.count))
    guard first < ascending.count else { return ascending[ascending.count - 1].nextUp }
    let value = ascending[first]
    if first == 0 || ascending[first - 1] < value { return value }
    return ascending[first...].first { $0 > value } ?? value.nextUp
  }
}
