import Models
import Wire

/// The engine's stages by themselves: features and scores of the same stream, on a table of their own.
struct EngineParts: ~Copyable {
  /// CPU seconds of each round.
  private(set) var features: [Double] = []
  private(set) var scoring: [Double] = []

  private let model: Model
  private let width: Int
  private let batch: Int
  private let recordLength: Int
  private var table: EntityTable
  private var scratch = ModelScratch()
  private var bytes: [UInt8] = []
  private var keys: [KeyHash] = []
  private let matrix: UnsafeMutableBufferPointer<Double>
  private var scores: [Float]

  init(bundle: Bundle, batch: Int, recordLength: Int) {
    model = bundle.model!
    width = bundle.features.count
    self.batch = batch
    self.recordLength = recordLength
    table = EntityTable(features: bundle.features)
    matrix = .allocate(capacity: batch * width)
    matrix.initialize(repeating: 0)
    scores = [Float](repeating: 0, count: batch)
  }

  deinit { matrix.deallocate() }

  /// Runs `steps` batches: hashed, hashed and observed, and all of it, so that differences are the stages.
  mutating func round(steps: Int, source: inout LoadSource, now: inout Int64) {
    var spent: [Double] = []
    for stages in 1...3 {
      let before = ProcessTimes.own()
      for _ in 0..<steps {
        now += 1
        hash(&source, now)
        if stages > 1 { observe() }
        if stages > 2 { score() }
      }
      spent.append(ProcessTimes.own() - before)
    }
    features.append(spent[1] - spent[0])
    scoring.append(spent[2] - spent[1])
  }

  private mutating func hash(_ source: inout LoadSource, _ now: Int64) {
    bytes.removeAll(keepingCapacity: true)
    keys.removeAll(keepingCapacity: true)
    source.append(batch, at: now, to: &bytes)
    for row in 0..<batch { keys.append(transaction(row).keyHash) }
  }

  private mutating func observe() {
    // A reference of its own: the table changes while rows are borrowed.
    let bytes = bytes
    var first = 0
    while first < batch {
      let end = min(first + 32, batch)
      keys.withUnsafeBufferPointer { table.prefetch(UnsafeBufferPointer(rebasing: $0[first..<end])) }
      for row in first..<end {
        let out = UnsafeMutableBufferPointer(rebasing: matrix[row * width..<(row + 1) * width])
        let view = TransactionView(trusted: bytes.span.bytes.extracting(row * recordLength..<(row + 1) * recordLength))
        _ = table.observe(view, keyHash: keys[row], into: out)
      }
      first = end
    }
  }

  private mutating func score() {
    scores.withUnsafeMutableBufferPointer {
      model.score(rows: UnsafeBufferPointer(matrix), rowCount: batch, stride: width, into: $0, scratch: &scratch)
    }
  }

  @_lifetime(borrow self)
  private func transaction(_ row: Int) -> TransactionView {
    TransactionView(trusted: bytes.span.bytes.extracting(row * recordLength..<(row + 1) * recordLength))
  }
}
