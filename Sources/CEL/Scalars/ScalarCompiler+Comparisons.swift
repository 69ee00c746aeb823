extension ScalarCompiler {
  func comparison(_ builtin: Builtin, of type: ValueType) -> Instruction.Operation? {
    switch (builtin, type) {
    case (.equal, .bool), (.equal, .int), (.equal, .uint), (.equal, .duration): .equalBits
    case (.less, .int), (.less, .duration): .lessInt
    case (.lessOrEqual, .int), (.lessOrEqual, .duration): .lessEqualInt
    case (.less, .uint), (.less, .bool): .lessUInt
    case (.lessOrEqual, .uint), (.lessOrEqual, .bool): .lessEqualUInt
    case (.equal, .double): .equalDouble
    case (.less, .double): .lessDouble
    case (.lessOrEqual, .double): .lessEqualDouble
    case (.equal, .timestamp), (.equal, .ip): .equalPair
    case (.less, .timestamp): .lessInstant
    case (.lessOrEqual, .timestamp): .lessEqualInstant
    case (.equal, .string): .equalText
    case (.less, .string): .lessText
    case (.lessOrEqual, .string): .lessEqualText
    default: nil
    }
  }

  mutating func comparison(
    _ builtin: Builtin, _ arguments: [Expression], isSwapped: Bool = false, _ node: Expression, jumpIf sense: Bool, to label: Label,
    onError: Label
  ) throws(ScalarRefusal) {
    // An int beside a double is compared as one.
    var a = try value(arguments[0], onError: onError)
    var b = try value(arguments[1], onError: onError)
    if a.type == .double { b = try widened(b) } else if b.type == .double { a = try widened(a) }
    guard a.type == b.type, let operation = comparison(builtin, of: a.type) else {
      throw refusal(node, "a comparison of \(a.type) with \(b.type)")
    }
    if isSwapped { swap(&a, &b) }
    try code.append(operation, a.cell, b.cell, into: sense ? 1 : 0, to: label)
  }

  private mutating func widened(_ value: (cell: UInt16, type: ValueType)) throws(ScalarRefusal) -> (cell: UInt16, type: ValueType) {
    guard value.type == .int || value.type == .uint else { return value }
    let cell = code.temporary()
    try code.append(value.type == .int ? .intToDouble : .uintToDouble, value.cell, into: cell)
    return (cell, .double)
  }

  /// `x in [constants]`; or, written out, `x == a || x == b`. Or `x in table`.
  mutating func membership(
    _ arguments: [Expression], _ node: Expression, jumpIf sense: Bool, to label: Label, onError: Label
  ) throws(ScalarRefusal) {
    let answer: UInt16 = sense ? 1 : 0
    if case .table(let name) = checked.references[arguments[1].id], let table = environment.tables[name] {
      let value = try value(arguments[0], onError: onError)
      guard value.type == table.element, let operation = Self.lookup(of: value.type) else {
        throw refusal(node, "a \(value.type) in a table of \(table.element)")
      }
      return try code.append(operation, value.cell, pool.add(table), into: answer, to: label)
    }
    guard case .list(let elements)? = constant(arguments[1]) else { throw refusal(node, "'in' of what is not known beforehand") }
    let value = try value(arguments[0], onError: onError)
    var texts: [String] = []
    var ints: [Int64] = []
    var doubles: [Double] = []
    for element in elements {
      switch element {
      case .string(let text): texts.append(text)
      case .int(let number): ints.append(number)
      case .double(let number): doubles.append(number)
      default: throw refusal(node, "'in' of a list of other than string, int or double")
      }
    }
    switch value.type {
    case .string where texts.count == elements.count: try code.append(.inTexts, value.cell, pool.add(texts: texts), into: answer, to: label)
    case .int where ints.count == elements.count: try code.append(.inInts, value.cell, pool.add(ints: ints), into: answer, to: label)
    case .double where doubles.count == elements.count:
      try code.append(.inDoubles, value.cell, pool.add(doubles: doubles), into: answer, to: label)
    default: throw refusal(node, "'in' of a list of another type")
    }
  }

  private static func lookup(of type: ValueType) -> Instruction.Operation? {
    switch type {
    case .string: .inTextTable
    case .int: .inIntTable
    case .ip: .inAddressTable
    default: nil
    }
  }

  mutating func textTest(
    _ builtin: Builtin, _ arguments: [Expression], _ node: Expression, jumpIf sense: Bool, to label: Label, onError: Label
  ) throws(ScalarRefusal) {
    let text = try value(arguments[0], .string, onError)
    if builtin == .matches {
      guard case .string(let pattern)? = constant(arguments[1]), let compiled = try? Pattern(pattern) else {
        throw refusal(node, "a pattern that is not known beforehand")
      }
      try code.append(.matches, text, pool.add(compiled), into: sense ? 1 : 0, to: label)
      return
    }
    let part = try value(arguments[1], .string, onError)
    let operation: Instruction.Operation = builtin == .startsWith ? .startsWith : builtin == .endsWith ? .endsWith : .contains
    try code.append(operation, text, part, into: sense ? 1 : 0, to: label)
  }
}
