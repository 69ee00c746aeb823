extension ScalarMachine {
  private typealias Code = EvaluationError.Code

  /// Puts the result into cell `c`; 0, or the code of the error.
  @inline(never)
  static func compute(_ step: Instruction, _ a: Cell, _ cells: Cells, _ tables: borrowing ScalarSet.Tables) -> UInt8 {
    let b = cells[Int(step.b)]
    let result = cells + Int(step.c)
    switch step.operation {
    case .addInt: return put(a.int.addingReportingOverflow(b.int), result)
    case .subtractInt: return put(a.int.subtractingReportingOverflow(b.int), result)
    case .multiplyInt: return put(a.int.multipliedReportingOverflow(by: b.int), result)
    case .divideInt: return b.bits == 0 ? Code.divisionByZero.rawValue : put(a.int.dividedReportingOverflow(by: b.int), result)
    case .remainderInt: return b.bits == 0 ? Code.divisionByZero.rawValue : put(a.int.remainderReportingOverflow(dividingBy: b.int), result)
    case .negateInt: return put(Int64(0).subtractingReportingOverflow(a.int), result)
    case .addUInt: return put(a.bits.addingReportingOverflow(b.bits), result)
    case .subtractUInt: return put(a.bits.subtractingReportingOverflow(b.bits), result)
    case .multiplyUInt: return put(a.bits.multipliedReportingOverflow(by: b.bits), result)
    case .divideUInt: return b.bits == 0 ? Code.divisionByZero.rawValue : put(a.bits.dividedReportingOverflow(by: b.bits), result)
    case .remainderUInt:
      return b.bits == 0 ? Code.divisionByZero.rawValue : put(a.bits.remainderReportingOverflow(dividingBy: b.bits), result)
    case .addDouble: result.pointee = Cell(a.double + b.double)
    case .subtractDouble: result.pointee = Cell(a.double - b.double)
    case .multiplyDouble: result.pointee = Cell(a.double * b.double)
    case .divideDouble: result.pointee = Cell(a.double / b.double)
    case .negateDouble: result.pointee = Cell(-a.double)
    case .intToDouble: result.pointee = Cell(Double(a.int))
    case .uintToDouble: result.pointee = Cell(Double(a.bits))
    case .ceil: result.pointee = Cell(a.double.rounded(.up))
    case .floor: result.pointee = Cell(a.double.rounded(.down))
    case .round: result.pointee = Cell(a.double.rounded(.toNearestOrAwayFromZero))
    case .trunc: result.pointee = Cell(a.double.rounded(.towardZero))
    case .squareRoot: result.pointee = Cell(a.double.squareRoot())
    case .absDouble: result.pointee = Cell(a.double.magnitude)
    case .absInt: return a.int < 0 ? put(Int64(0).subtractingReportingOverflow(a.int), result) : put((a.int, false), result)
    case .greaterOfInts: result.pointee = b.int > a.int ? b : a
    case .lesserOfInts: result.pointee = b.int < a.int ? b : a
    case .greaterOfDoubles: result.pointee = b.double > a.double ? b : a
    case .lesserOfDoubles: result.pointee = b.double < a.double ? b : a
    case .bitAnd: result.pointee = Cell(bits: a.bits & b.bits)
    case .bitOr: result.pointee = Cell(bits: a.bits | b.bits)
    case .bitXor: result.pointee = Cell(bits: a.bits ^ b.bits)
    case .bitNot: result.pointee = Cell(bits: ~a.bits)
    default: return convert(step, a, b, result, tables)
    }
    return 0
  }

  private static func put<T: FixedWidthInteger>(_ value: (partialValue: T, overflow: Bool), _ result: Cells) -> UInt8 {
    if value.overflow { return Code.overflow.rawValue }
    result.pointee = Cell(bits: UInt64(truncatingIfNeeded: value.partialValue))
    return 0
  }

  private static func put(_ cell: Cell?, _ result: Cells) -> UInt8 {
    guard let cell else { return Code.overflow.rawValue }
    result.pointee = cell
    return 0
  }

  private static func convert(_ step: Instruction, _ a: Cell, _ b: Cell, _ result: Cells, _ tables: borrowing ScalarSet.Tables) -> UInt8 {
    switch step.operation {
    case .doubleToInt: return put(Conversion.wholeInt(a.double).map { Cell($0) }, result)
    case .doubleToUInt: return put(a.double >= 0 ? Conversion.wholeUInt(a.double).map { Cell(bits: $0) } : nil, result)
    case .intToUInt: return put(a.int < 0 ? nil : a, result)
    case .uintToInt: return put(a.int < 0 ? nil : a, result)
    case .instantToInt: return put(Cell(bits: a.bits), result)
    case .durationToInt: return put(Cell(a.int / Instant.billion), result)
    case .intToInstant: return put(Instant(checkedSeconds: a.int).map { Cell($0) }, result)
    case .intToDuration: return put(a.int.multipliedReportingOverflow(by: Instant.billion), result)
    case .moveInstant: return put(a.instant.adding(Interval(nanoseconds: b.int)).map { Cell($0) }, result)
    case .moveInstantBack: return put(a.instant.adding(Interval(nanoseconds: b.int), sign: -1).map { Cell($0) }, result)
    case .betweenInstants: return put(a.instant.since(b.instant).map { Cell($0.nanoseconds) }, result)
    case .instantPart:
      let distance = step.target < 0 ? 0 : tables.zones[Int(step.target)].distance(at: a.int)
      return put(TimeFunctions.part(Instruction.parts[Int(step.b)], a.instant, distance: distance).map { Cell($0) }, result)
    case .durationPart:
      return put(TimeFunctions.part(Instruction.parts[Int(step.b)], Interval(nanoseconds: a.int)).map { Cell($0) }, result)
    case .sizeOfText: return put(Cell(Int64(Bytes.codePoints(a.text, before: Int(a.extra)))), result)
    default: preconditionFailure("not a value: \(step.operation)")
    }
  }
}
