extension ScalarCompiler {
  /// The cell of a value that must be of the type.
  mutating func value(_ node: Expression, _ type: ValueType, _ onError: Label) throws(ScalarRefusal) -> UInt16 {
    let value = try value(node, onError: onError)
    guard value.type == type else { throw refusal(node, "a \(value.type) where a \(type) was expected") }
    return value.cell
  }

  /// The cell in which the node's value lies when the code so far has run.
  mutating func value(_ node: Expression, onError: Label) throws(ScalarRefusal) -> (cell: UInt16, type: ValueType) {
    if let known = constant(node) {
      guard let constant = try pool.cell(of: known) else { throw refusal(node, "a \(known.typeName), which is no scalar") }
      return constant
    }
    switch (node.kind, checked.references[node.id]) {
    case (.select(_, _, true), .variable): return try materialized(node, onError)
    case (_, .variable(let name)):
      guard let cell = pool.cell(ofInput: name), let input = pool.input(name) else { throw refusal(node, "'\(name)' is no input") }
      if input.mayBeMissing { try code.append(.require, cell, to: onError) }
      return (cell, input.type)
    case (_, .local(let name)):
      guard let place = locals.lastIndex(where: { $0.name == name }) else { throw refusal(node, "'\(name)' is no scalar") }
      switch locals[place].meaning {
      case .cell(let cell, let type): return (cell, type)
      case .node(let meaning, let depth):
        return try inScope(depth) { (compiler) throws(ScalarRefusal) in try compiler.value(meaning, onError: onError) }
      }
    case (.bindings(let bindings, let result), _):
      return try withBindings(bindings, onError) { (compiler) throws(ScalarRefusal) in try compiler.value(result, onError: onError) }
    case (.call(let target, _, let arguments), .function(let builtin, let isMethod)):
      return try call(builtin, isMethod ? [target!] + arguments : arguments, node, onError)
    case (.comprehension, _): return try materialized(node, onError)
    default: throw refusal(node, "a value that is no scalar")
    }
  }

  /// A condition as a value.
  private mutating func materialized(_ node: Expression, _ onError: Label) throws(ScalarRefusal) -> (cell: UInt16, type: ValueType) {
    guard checked.types[node.id] == .bool else { throw refusal(node, "a value that is no scalar") }
    let result = code.temporary()
    let (isFalse, end) = (code.label(), code.label())
    let (yes, no) = (try pool.cell(of: .bool(true))!.cell, try pool.cell(of: .bool(false))!.cell)
    try condition(node, jumpIf: false, to: isFalse, onError: onError)
    try code.append(.copy, yes, into: result)
    try code.append(.jump, to: end)
    code.place(isFalse)
    try code.append(.copy, no, into: result)
    code.place(end)
    return (result, .bool)
  }

  private mutating func call(
    _ builtin: Builtin, _ arguments: [Expression], _ node: Expression, _ onError: Label
  ) throws(ScalarRefusal) -> (cell: UInt16, type: ValueType) {
    if builtin == .conditional { return try choice(arguments, node, onError) }
    if checked.types[node.id] == .bool, builtin != .bool { return try materialized(node, onError) }
    if Instruction.parts.contains(builtin) { return try part(builtin, arguments, node, onError) }
    let operands = try arguments.map { (argument) throws(ScalarRefusal) in try value(argument, onError: onError) }
    guard let (operation, type) = Self.operation(builtin, operands.map(\.type)) else {
      throw refusal(node, "'\(builtin.symbol)' of \(operands.map(\.type.description).joined(separator: ", ")) makes no scalar")
    }
    guard let operation else { return (operands[0].cell, type) }
    let result = code.temporary()
    // A timestamp moved by a duration has the timestamp first.
    let isSwapped = operation == .moveInstant && operands[0].type == .duration
    let (a, b) = isSwapped ? (operands[1], operands[0]) : (operands[0], operands.count > 1 ? operands[1] : operands[0])
    try code.append(operation, a.cell, b.cell, into: result, to: onError)
    return (result, type)
  }

  private mutating func choice(
    _ arguments: [Expression], _ node: Expression, _ onError: Label
  ) throws(ScalarRefusal) -> (cell: UInt16, type: ValueType) {
    let result = code.temporary()
    let (otherwise, end) = (code.label(), code.label())
    try condition(arguments[0], jumpIf: false, to: otherwise, onError: onError)
    let first = try value(arguments[1], onError: onError)
    try code.append(.copy, first.cell, into: result)
    try code.append(.jump, to: end)
    code.place(otherwise)
    let second = try value(arguments[2], onError: onError)
    try code.append(.copy, second.cell, into: result)
    code.place(end)
    guard first.type == second.type else { throw refusal(node, "a choice between \(first.type) and \(second.type)") }
    return (result, first.type)
  }

  private mutating func part(
    _ builtin: Builtin, _ arguments: [Expression], _ node: Expression, _ onError: Label
  ) throws(ScalarRefusal) -> (cell: UInt16, type: ValueType) {
    let time = try value(arguments[0], onError: onError)
    let number = UInt16(Instruction.parts.firstIndex(of: builtin)!)
    let result = code.temporary()
    if time.type == .duration {
      try code.append(.durationPart, time.cell, number, into: result)
      return (result, .int)
    }
    var zone: Int32 = -1
    if arguments.count > 1 {
      guard case .string(let name)? = constant(arguments[1]), let known = environment.zones.zone(name) else {
        throw refusal(node, "a time zone that is not known beforehand")
      }
      zone = pool.add(known)
    }
    try code.append(raw: Instruction(operation: .instantPart, a: time.cell, b: number, c: result, target: zone))
    return (result, .int)
  }

  /// The operation and the type of its result; no operation where the value stays the same.
  private static func operation(_ builtin: Builtin, _ types: [ValueType]) -> (Instruction.Operation?, ValueType)? {
    switch (builtin, types) {
    case (.add, [.int, .int]): (.addInt, .int)
    case (.subtract, [.int, .int]): (.subtractInt, .int)
    case (.multiply, [.int, .int]): (.multiplyInt, .int)
    case (.divide, [.int, .int]): (.divideInt, .int)
    case (.remainder, [.int, .int]): (.remainderInt, .int)
    case (.negate, [.int]): (.negateInt, .int)
    case (.add, [.uint, .uint]): (.addUInt, .uint)
    case (.subtract, [.uint, .uint]): (.subtractUInt, .uint)
    case (.multiply, [.uint, .uint]): (.multiplyUInt, .uint)
    case (.divide, [.uint, .uint]): (.divideUInt, .uint)
    case (.remainder, [.uint, .uint]): (.remainderUInt, .uint)
    case (.add, [.double, .double]): (.addDouble, .double)
    case (.subtract, [.double, .double]): (.subtractDouble, .double)
    case (.multiply, [.double, .double]): (.multiplyDouble, .double)
    case (.divide, [.double, .double]): (.divideDouble, .double)
    case (.negate, [.double]): (.negateDouble, .double)
    case (.add, [.duration, .duration]): (.addInt, .duration)
    case (.subtract, [.duration, .duration]): (.subtractInt, .duration)
    case (.add, [.timestamp, .duration]), (.add, [.duration, .timestamp]): (.moveInstant, .timestamp)
    case (.subtract, [.timestamp, .duration]): (.moveInstantBack, .timestamp)
    case (.subtract, [.timestamp, .timestamp]): (.betweenInstants, .duration)
    default: conversion(builtin, types) ?? mathematics(builtin, types)
    }
  }

  private static func conversion(_ builtin: Builtin, _ types: [ValueType]) -> (Instruction.Operation?, ValueType)? {
    switch (builtin, types) {
    case (.int, [.int]), (.uint, [.uint]), (.double, [.double]), (.bool, [.bool]), (.string, [.string]), (.timestamp, [.timestamp]),
      (.duration, [.duration]), (.ip, [.ip]):
      (nil, types[0])
    case (.double, [.int]): (.intToDouble, .double)
    case (.double, [.uint]): (.uintToDouble, .double)
    case (.int, [.double]): (.doubleToInt, .int)
    case (.int, [.uint]): (.uintToInt, .int)
    case (.int, [.timestamp]): (.instantToInt, .int)
    case (.int, [.duration]): (.durationToInt, .int)
    case (.uint, [.double]): (.doubleToUInt, .uint)
    case (.uint, [.int]): (.intToUInt, .uint)
    case (.timestamp, [.int]): (.intToInstant, .timestamp)
    case (.duration, [.int]): (.intToDuration, .duration)
    case (.size, [.string]): (.sizeOfText, .int)
    default: nil
    }
  }

  private static func mathematics(_ builtin: Builtin, _ types: [ValueType]) -> (Instruction.Operation?, ValueType)? {
    switch (builtin, types) {
    case (.ceil, [.double]): (.ceil, .double)
    case (.floor, [.double]): (.floor, .double)
    case (.round, [.double]): (.round, .double)
    case (.trunc, [.double]): (.trunc, .double)
    case (.sqrt, [.double]): (.squareRoot, .double)
    case (.abs, [.double]): (.absDouble, .double)
    case (.abs, [.int]): (.absInt, .int)
    case (.abs, [.uint]): (nil, .uint)
    case (.greatest, [.int, .int]): (.greaterOfInts, .int)
    case (.least, [.int, .int]): (.lesserOfInts, .int)
    case (.greatest, [.double, .double]): (.greaterOfDoubles, .double)
    case (.least, [.double, .double]): (.lesserOfDoubles, .double)
    case (.bitAnd, [.int, .int]), (.bitAnd, [.uint, .uint]): (.bitAnd, types[0])
    case (.bitOr, [.int, .int]), (.bitOr, [.uint, .uint]): (.bitOr, types[0])
    case (.bitXor, [.int, .int]), (.bitXor, [.uint, .uint]): (.bitXor, types[0])
    case (.bitNot, [.int]), (.bitNot, [.uint]): (.bitNot, types[0])
    default: nil
    }
  }
}
