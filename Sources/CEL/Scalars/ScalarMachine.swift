/// Executes instructions over cells.
enum ScalarMachine {
  struct End {
    /// 0, or a code of `EvaluationError`.
    var error: UInt8
    /// 1 or 0 of a condition; the index of the cell of a value.
    var result: UInt16
  }

  typealias Cells = UnsafeMutablePointer<Cell>

  @inline(never)
  static func run(
    _ code: UnsafePointer<Instruction>, _ cells: Cells, _ tables: borrowing ScalarSet.Tables, _ time: Int64,
    _ matcher: inout PatternMatcher
  ) -> End {
    var next = 0
    var error: UInt8 = 0
    while true {
      let step = code[next]
      next &+= 1
      let a = cells[Int(step.a)]
      var answer = false
      switch step.operation {
      case .returnTrue: return End(error: 0, result: 1)
      case .returnFalse: return End(error: 0, result: 0)
      case .returnValue: return End(error: 0, result: step.a)
      case .fail: return End(error: error, result: 0)
      case .jump:
        next = Int(step.target)
        continue
      case .copy:
        cells[Int(step.c)] = a
        continue
      case .clear:
        cells[Int(step.c)] = Cell(bits: 0)
        continue
      case .note:
        if cells[Int(step.c)].bits == 0 { cells[Int(step.c)] = Cell(bits: UInt64(error)) }
        continue
      case .raise:
        if a.bits != 0 {
          error = UInt8(truncatingIfNeeded: a.bits)
          next = Int(step.target)
        }
        continue
      case .require:
        if a.isMissing {
          error = EvaluationError.Code.noSuchField.rawValue
          next = Int(step.target)
        }
        continue
      case .test: answer = a.bits != 0
      case .isPresent: answer = !a.isMissing
      case .equalBits: answer = a.bits == cells[Int(step.b)].bits
      case .lessInt: answer = a.int < cells[Int(step.b)].int
      case .lessEqualInt: answer = a.int <= cells[Int(step.b)].int
      case .lessUInt: answer = a.bits < cells[Int(step.b)].bits
      case .lessEqualUInt: answer = a.bits <= cells[Int(step.b)].bits
      case .equalDouble: answer = a.double == cells[Int(step.b)].double
      case .lessDouble: answer = a.double < cells[Int(step.b)].double
      case .lessEqualDouble: answer = a.double <= cells[Int(step.b)].double
      case .equalText: answer = equal(a.text, cells[Int(step.b)].text)
      case .isNaN: answer = a.double.isNaN
      case .isInfinite: answer = a.double.isInfinite
      case .isFinite: answer = a.double.isFinite
      case .equalPair, .lessInstant, .lessEqualInstant, .lessText, .lessEqualText, .startsWith, .endsWith, .contains, .matches, .inTexts,
        .inInts, .inDoubles, .inTextTable, .inIntTable, .inAddressTable, .inNetwork:
        answer = test(step, a, cells, tables, time, &matcher)
      default:
        let failure = compute(step, a, cells, tables)
        if failure != 0 {
          error = failure
          next = Int(step.target)
        }
        continue
      }
      if answer == (step.c != 0) { next = Int(step.target) }
    }
  }

  private static func equal(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
    a.count == b.count && Bytes.isEqual(a, b, at: 0)
  }

  /// Tests that are more than one machine operation.
  @inline(never)
  private static func test(
    _ step: Instruction, _ a: Cell, _ cells: Cells, _ tables: borrowing ScalarSet.Tables, _ time: Int64,
    _ matcher: inout PatternMatcher
  ) -> Bool {
    switch step.operation {
    case .matches: return matcher.matches(tables.patterns[Int(step.b)], a.text)
    case .inTexts: return contains(tables.textSets[Int(step.b)], a.text)
    case .inInts: return contains(tables.intSets[Int(step.b)], a.int)
    case .inDoubles: return contains(tables.doubleSets[Int(step.b)], a.double)
    case .inTextTable: return tables.members[Int(step.b)].contains(a.text, at: time)
    case .inIntTable: return tables.members[Int(step.b)].contains(a.int, at: time)
    case .inAddressTable: return tables.members[Int(step.b)].contains((high: a.bits, low: a.extra), at: time)
    default: break
    }
    let b = cells[Int(step.b)]
    switch step.operation {
    case .equalPair: return a.bits == b.bits && a.extra == b.extra
    case .lessInstant: return a.instant < b.instant
    case .lessEqualInstant: return a.instant <= b.instant
    case .lessText: return order(a.text, b.text) < 0
    case .lessEqualText: return order(a.text, b.text) <= 0
    case .startsWith: return a.extra >= b.extra && Bytes.isEqual(b.text, a.text, at: 0)
    case .endsWith: return a.extra >= b.extra && Bytes.isEqual(b.text, a.text, at: Int(a.extra - b.extra))
    case .contains: return Bytes.index(of: b.text, in: a.text, from: 0) != nil
    default:
      let mask = cells[Int(step.b) + 1]
      return a.bits & mask.bits == b.bits && a.extra & mask.extra == b.extra
    }
  }

  private static func order(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Int {
    for index in 0..<min(a.count, b.count) where a[index] != b[index] { return a[index] < b[index] ? -1 : 1 }
    return a.count - b.count
  }

  private static func contains<T: Comparable>(_ sorted: [T], _ value: T) -> Bool {
    var low = 0
    var high = sorted.count
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low < sorted.count && sorted[low] == value
  }

  /// Sorted by length, then by bytes.
  private static func contains(_ sorted: [[UInt8]], _ text: UnsafeBufferPointer<UInt8>) -> Bool {
    var low = 0
    var high = sorted.count
    while low < high {
      let middle = (low + high) / 2
      let order = sorted[middle].withUnsafeBufferPointer { $0.count != text.count ? $0.count - text.count : Self.order($0, text) }
      if order == 0 { return true }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return false
  }
}
