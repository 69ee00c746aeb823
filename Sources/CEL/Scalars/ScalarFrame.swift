/// The cells in which scalar programs run: one a thread, made once, filled for each transaction. Nothing is allocated
/// between the two.
public final class ScalarFrame {
  public let set: ScalarSet
  /// The set's, but for those that have been replaced.
  private var tables: ScalarSet.Tables
  let cells: UnsafeMutableBufferPointer<Cell>
  private let code: UnsafeMutableBufferPointer<Instruction>
  /// Where each program begins in `code`.
  private let starts: [Int]
  private let texts: UnsafeMutableBufferPointer<UInt8>
  var matcher = PatternMatcher()
  /// For which tables are asked, ms since the epoch.
  public var time: Int64 = 0

  public init(_ set: ScalarSet) {
    self.set = set
    tables = set.tables
    cells = .allocate(capacity: max(1, set.inputs.count + set.constants.count + set.temporaries))
    cells.initialize(repeating: Cell(bits: 0))
    let instructions = set.programs.flatMap { $0 }
    code = .allocate(capacity: max(1, instructions.count))
    _ = code.initialize(from: instructions)
    var starts: [Int] = []
    var start = 0
    for program in set.programs {
      starts.append(start)
      start += program.count
    }
    self.starts = starts
    let bytes = set.constants.flatMap { if case .text(let bytes) = $0 { bytes } else { [UInt8]() } }
    texts = .allocate(capacity: max(1, bytes.count))
    _ = texts.initialize(from: bytes)
    var offset = 0
    for (index, constant) in set.constants.enumerated() {
      switch constant {
      case .bits(let bits, let extra): cells[set.inputs.count + index] = Cell(bits: bits, extra: extra)
      case .text(let bytes):
        cells[set.inputs.count + index] = Cell(UnsafeBufferPointer(rebasing: texts[offset..<offset + bytes.count]))
        offset += bytes.count
      }
    }
    for pattern in set.tables.patterns { matcher.reserve(for: pattern) }
    removeAll()
  }

  deinit {
    cells.deallocate()
    code.deallocate()
    texts.deallocate()
  }

  /// From here on the programs of this frame ask others in the place of the set's tables.
  public func replaceTables(_ other: (any MemberTable) -> any MemberTable) { tables.members = tables.members.map(other) }

  // MARK: Inputs, by their index in the set

  /// Every input is missing.
  public func removeAll() {
    for index in set.inputs.indices { cells[index] = .missing }
  }

  public func remove(_ input: Int) { put(input, .missing) }
  public func set(_ input: Int, _ value: Bool) { put(input, Cell(value)) }
  public func set(_ input: Int, _ value: Int64) { put(input, Cell(value)) }
  public func set(_ input: Int, _ value: UInt64) { put(input, Cell(bits: value)) }
  public func set(_ input: Int, _ value: Double) { put(input, Cell(value)) }
  public func set(_ input: Int, _ value: Instant) { put(input, Cell(value)) }
  public func set(_ input: Int, _ value: Interval) { put(input, Cell(value.nanoseconds)) }
  public func set(_ input: Int, _ value: IPAddress) { put(input, Cell(value)) }
  /// Valid UTF-8 that stays where it is until the evaluation is over.
  public func set(_ input: Int, _ text: UnsafeBufferPointer<UInt8>) { put(input, Cell(text)) }

  @inline(__always) private func put(_ input: Int, _ cell: Cell) {
    precondition(input < set.inputs.count)
    cells[input] = cell
  }

  // MARK: Programs

  /// What became of a program that says yes or no.
  public enum Outcome: Equatable, Sendable {
    case holds
    case fails
    case error(EvaluationError.Code)
  }

  /// Runs a program whose expression is a bool. Its time is bounded by its length: programs never go back.
  public func evaluate(_ program: Int) -> Outcome {
    let end = run(starts[program])
    return end.error == 0 ? (end.result != 0 ? .holds : .fails) : .error(EvaluationError.Code(rawValue: end.error)!)
  }

  /// Runs a program whose expression is a number or a bool; the number as a double.
  public func number(_ program: Int, _ type: ValueType) throws(EvaluationError) -> Double {
    let end = run(starts[program])
    guard end.error == 0 else { throw EvaluationError(EvaluationError.Code(rawValue: end.error)!, "the expression failed") }
    switch type {
    case .bool: return end.result != 0 ? 1 : 0
    case .int: return Double(cells[Int(end.result)].int)
    case .uint: return Double(cells[Int(end.result)].bits)
    case .double: return cells[Int(end.result)].double
    default: throw EvaluationError(.noSuchOverload, "a \(type) is no number")
    }
  }

  private func run(_ start: Int) -> ScalarMachine.End {
    ScalarMachine.run(code.baseAddress! + start, cells.baseAddress!, tables, time, &matcher)
  }
}
