/// Instructions in the making: places to go to get their numbers at the end.
struct ScalarCode {
  struct Label: Equatable { var number: Int }

  /// Cells beyond this are temporary ones, counted from here until the number of constants is known.
  static let temporaryBase = 0x8000
  static let instructionsMax = 4096

  private(set) var instructions: [Instruction] = []
  private var labels: [Int?] = []
  private(set) var temporaries = 0

  /// Code that is seldom needed, behind everything else.
  private var late: [(label: Label, code: [Instruction])] = []

  mutating func label() -> Label {
    labels.append(nil)
    return Label(number: labels.count - 1)
  }

  mutating func place(_ label: Label) { labels[label.number] = instructions.count }

  mutating func temporary() -> UInt16 {
    temporaries += 1
    return UInt16(Self.temporaryBase + temporaries - 1)
  }

  mutating func append(
    _ operation: Instruction.Operation, _ a: UInt16 = 0, _ b: UInt16 = 0, into c: UInt16 = 0, to label: Label? = nil
  ) throws(ScalarRefusal) {
    guard instructions.count < Self.instructionsMax, temporaries < 0x4000 else { throw ScalarRefusal(reason: "the program is too long") }
    instructions.append(Instruction(operation: operation, a: a, b: b, c: c, target: Int32(label?.number ?? -1)))
  }

  mutating func append(raw instruction: Instruction) throws(ScalarRefusal) {
    guard instructions.count < Self.instructionsMax else { throw ScalarRefusal(reason: "the program is too long") }
    instructions.append(instruction)
  }

  /// At `label`: keep the error in `flag`, go on at `next`.
  mutating func noteLate(at label: Label, flag: UInt16, next: Label) {
    late.append(
      (
        label,
        [
          Instruction(operation: .note, c: flag),
          Instruction(operation: .jump, target: Int32(next.number)),
        ]
      ))
  }

  /// With all places known. Temporary cells begin at `temporariesAt`.
  mutating func finished(temporariesAt base: Int) -> [Instruction] {
    for (label, code) in late {
      place(label)
      instructions += code
    }
    late = []
    return instructions.map { instruction in
      var instruction = instruction
      if instruction.goesToLabel, instruction.target >= 0 { instruction.target = Int32(labels[Int(instruction.target)]!) }
      func moved(_ cell: UInt16) -> UInt16 {
        cell >= Self.temporaryBase ? UInt16(base + Int(cell) - Self.temporaryBase) : cell
      }
      instruction.a = moved(instruction.a)
      if instruction.hasCellInB { instruction.b = moved(instruction.b) }
      if instruction.hasCellInC { instruction.c = moved(instruction.c) }
      return instruction
    }
  }
}

extension Instruction {
  fileprivate var goesToLabel: Bool { operation != .instantPart }

  fileprivate var hasCellInB: Bool {
    switch operation {
    case .matches, .inTexts, .inInts, .inDoubles, .inTextTable, .inIntTable, .inAddressTable, .instantPart, .durationPart: false
    default: true
    }
  }

  /// Tests have their answer there.
  fileprivate var hasCellInC: Bool { operation.rawValue < Operation.test.rawValue || operation.rawValue > Operation.inNetwork.rawValue }
}

/// Why an expression has no scalar program; the general evaluator runs it.
struct ScalarRefusal: Error {
  var reason: String
}
