/// What the programs of one set share: inputs, constants, patterns, sets and zones. Cells are the inputs, then the constants.
struct ScalarPool {
  let inputs: [ScalarInput]
  private let inputIndices: [String: Int]
  private(set) var constants: [Constant] = []
  private(set) var patterns: [Pattern] = []
  private(set) var textSets: [[[UInt8]]] = []
  private(set) var intSets: [[Int64]] = []
  private(set) var doubleSets: [[Double]] = []
  private(set) var zones: [Zone] = []
  private(set) var tables: [any MemberTable] = []

  enum Constant: Equatable {
    case bits(UInt64, extra: UInt64)
    case text([UInt8])
  }

  init(inputs: [ScalarInput]) {
    self.inputs = inputs
    inputIndices = Dictionary(inputs.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
  }

  func input(_ name: String) -> ScalarInput? { inputIndices[name].map { inputs[$0] } }

  func cell(ofInput name: String) -> UInt16? { inputIndices[name].map { UInt16($0) } }

  private mutating func cell(_ constant: Constant) throws(ScalarRefusal) -> UInt16 {
    if let index = constants.firstIndex(of: constant) { return UInt16(inputs.count + index) }
    guard inputs.count + constants.count < 0x4000 else { throw ScalarRefusal(reason: "there are too many constants") }
    constants.append(constant)
    return UInt16(inputs.count + constants.count - 1)
  }

  /// The constant's cell and type; nil for what is no scalar.
  mutating func cell(of value: Value) throws(ScalarRefusal) -> (cell: UInt16, type: ValueType)? {
    func bits(_ cell: Cell) -> Constant { .bits(cell.bits, extra: cell.extra) }
    switch value {
    case .bool(let value): return (try cell(bits(Cell(value))), .bool)
    case .int(let value): return (try cell(bits(Cell(value))), .int)
    case .uint(let value): return (try cell(bits(Cell(bits: value))), .uint)
    case .double(let value): return (try cell(bits(Cell(value))), .double)
    case .duration(let value): return (try cell(bits(Cell(value.nanoseconds))), .duration)
    case .timestamp(let value): return (try cell(bits(Cell(value))), .timestamp)
    case .ip(let value): return (try cell(bits(Cell(value))), .ip)
    case .string(let value): return (try cell(.text(Array(value.utf8))), .string)
    default: return nil
    }
  }

  /// The cell of the network's address; its mask follows.
  mutating func cells(of range: AddressRange) throws(ScalarRefusal) -> UInt16 {
    let prefix = range.address.isV4 ? range.prefix + 96 : range.prefix
    let address = Cell(range.masked.address)
    let high: UInt64 = prefix >= 64 ? ~0 : prefix == 0 ? 0 : ~0 << UInt64(64 - prefix)
    let low: UInt64 = prefix <= 64 ? 0 : ~0 << UInt64(128 - prefix)
    guard inputs.count + constants.count < 0x4000 else { throw ScalarRefusal(reason: "there are too many constants") }
    constants.append(.bits(address.bits, extra: address.extra))
    constants.append(.bits(high, extra: low))
    return UInt16(inputs.count + constants.count - 2)
  }

  mutating func add(_ pattern: Pattern) -> UInt16 {
    patterns.append(pattern)
    return UInt16(patterns.count - 1)
  }

  mutating func add(_ zone: Zone) -> Int32 {
    zones.append(zone)
    return Int32(zones.count - 1)
  }

  mutating func add(_ table: any MemberTable) -> UInt16 {
    tables.append(table)
    return UInt16(tables.count - 1)
  }

  /// Texts sorted by length, then by bytes.
  mutating func add(texts: [String]) -> UInt16 {
    let sorted = texts.map { Array($0.utf8) }.sorted {
      ($0.count, 0) != ($1.count, 0) ? $0.count < $1.count : $0.lexicographicallyPrecedes($1)
    }
    textSets.append(sorted)
    return UInt16(textSets.count - 1)
  }

  mutating func add(ints: [Int64]) -> UInt16 {
    intSets.append(ints.sorted())
    return UInt16(intSets.count - 1)
  }

  mutating func add(doubles: [Double]) -> UInt16 {
    doubleSets.append(doubles.filter { !$0.isNaN }.sorted())
    return UInt16(doubleSets.count - 1)
  }
}
