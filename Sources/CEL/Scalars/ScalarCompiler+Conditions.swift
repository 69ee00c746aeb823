extension ScalarCompiler {
  typealias Label = ScalarCode.Label

  /// Goes to `label` if the node is `sense`, on otherwise; to `onError` if it fails.
  mutating func condition(_ node: Expression, jumpIf sense: Bool, to label: Label, onError: Label) throws(ScalarRefusal) {
    if case .bool(let known)? = constant(node) {
      if known == sense { try code.append(.jump, to: label) }
      return
    }
    switch (node.kind, checked.references[node.id]) {
    case (.select(_, _, true), .variable(let name)):
      guard let cell = pool.cell(ofInput: name) else { throw refusal(node, "'\(name)' is no input") }
      try code.append(.isPresent, cell, into: sense ? 1 : 0, to: label)
    case (.comprehension(let loop), _): try unrolled(loop, node, jumpIf: sense, to: label, onError: onError)
    case (.bindings(let bindings, let result), _):
      try withBindings(bindings, onError) { (compiler) throws(ScalarRefusal) in
        try compiler.condition(result, jumpIf: sense, to: label, onError: onError)
      }
    case (.call(let target, _, let arguments), .function(let builtin, let isMethod)):
      try call(builtin, isMethod ? [target!] + arguments : arguments, node, jumpIf: sense, to: label, onError: onError)
    default: try test(node, jumpIf: sense, to: label, onError: onError)
    }
  }

  /// A bool that lies in a cell.
  private mutating func test(_ node: Expression, jumpIf sense: Bool, to label: Label, onError: Label) throws(ScalarRefusal) {
    if case .local(let name) = checked.references[node.id], let place = locals.lastIndex(where: { $0.name == name }),
      case .node(let meaning, let depth) = locals[place].meaning
    {
      return try inScope(depth) { (compiler) throws(ScalarRefusal) in
        try compiler.condition(meaning, jumpIf: sense, to: label, onError: onError)
      }
    }
    let value = try value(node, onError: onError)
    guard value.type == .bool else { throw refusal(node, "a condition of type \(value.type)") }
    try code.append(.test, value.cell, into: sense ? 1 : 0, to: label)
  }

  private mutating func call(
    _ builtin: Builtin, _ arguments: [Expression], _ node: Expression, jumpIf sense: Bool, to label: Label, onError: Label
  ) throws(ScalarRefusal) {
    switch builtin {
    case .and, .or:
      try logical(arguments, decisive: builtin == .or, jumpIf: sense, to: label, onError: onError)
    case .not: try condition(arguments[0], jumpIf: !sense, to: label, onError: onError)
    case .conditional:
      let (otherwise, end) = (code.label(), code.label())
      try condition(arguments[0], jumpIf: false, to: otherwise, onError: onError)
      try condition(arguments[1], jumpIf: sense, to: label, onError: onError)
      try code.append(.jump, to: end)
      code.place(otherwise)
      try condition(arguments[2], jumpIf: sense, to: label, onError: onError)
      code.place(end)
    case .equal: try comparison(.equal, arguments, node, jumpIf: sense, to: label, onError: onError)
    case .notEqual: try comparison(.equal, arguments, node, jumpIf: !sense, to: label, onError: onError)
    case .less, .lessOrEqual: try comparison(builtin, arguments, node, jumpIf: sense, to: label, onError: onError)
    case .greater: try comparison(.less, arguments, isSwapped: true, node, jumpIf: sense, to: label, onError: onError)
    case .greaterOrEqual: try comparison(.lessOrEqual, arguments, isSwapped: true, node, jumpIf: sense, to: label, onError: onError)
    case .contained: try membership(arguments, node, jumpIf: sense, to: label, onError: onError)
    case .startsWith, .endsWith, .contains, .matches:
      try textTest(builtin, arguments, node, jumpIf: sense, to: label, onError: onError)
    case .isNaN, .isInf, .isFinite:
      let value = try value(arguments[0], .double, onError)
      try code.append(builtin == .isNaN ? .isNaN : builtin == .isInf ? .isInfinite : .isFinite, value, into: sense ? 1 : 0, to: label)
    case .containsIP:
      guard case .cidr(let range)? = constant(arguments[0]) else { throw refusal(node, "a network that is not known beforehand") }
      let address = try value(arguments[1], .ip, onError)
      try code.append(.inNetwork, address, try pool.cells(of: range), into: sense ? 1 : 0, to: label)
    default: throw refusal(node, "'\(builtin.symbol)' makes a value that is no scalar")
    }
  }

  /// `&&` (decided by false) and `||` (by true). Errors are kept until all have been asked.
  mutating func logical(
    _ parts: [Expression], decisive: Bool, jumpIf sense: Bool, to label: Label, onError: Label
  ) throws(ScalarRefusal) {
    let isDecided = sense == decisive ? label : code.label()
    var fallible = false
    for part in parts where mayFail(part) { fallible = true }
    let flag = fallible ? code.temporary() : 0
    if fallible { try code.append(.clear, into: flag) }
    for part in parts {
      let failed = code.label()
      let next = code.label()
      try condition(part, jumpIf: decisive, to: isDecided, onError: failed)
      code.place(next)
      code.noteLate(at: failed, flag: flag, next: next)
    }
    if fallible { try code.append(.raise, flag, to: onError) }
    if sense != decisive {
      try code.append(.jump, to: label)
      code.place(isDecided)
    }
  }

  /// A loop over a list that is written out: `exists` is `||` of its bodies, `all` is `&&`.
  private mutating func unrolled(
    _ loop: Comprehension, _ node: Expression, jumpIf sense: Bool, to label: Label, onError: Label
  ) throws(ScalarRefusal) {
    guard loop.fold == .all || loop.fold == .exists, loop.second == nil, case .list(let elements) = loop.range.kind,
      !elements.contains(where: \.isOptional)
    else { throw refusal(node, "a loop over what is not written out") }
    let decisive = loop.fold == .exists
    let isDecided = sense == decisive ? label : code.label()
    // An element that fails fails the list, whatever the bodies would have said.
    var meanings: [Local] = []
    for element in elements {
      if constant(element.value) != nil {
        meanings.append(.node(element.value, depth: locals.count))
      } else {
        let value = try value(element.value, onError: onError)
        meanings.append(.cell(value.cell, value.type))
      }
    }
    let flag = code.temporary()
    try code.append(.clear, into: flag)
    for meaning in meanings {
      let failed = code.label()
      let next = code.label()
      locals.append((loop.first, meaning))
      defer { locals.removeLast() }
      try condition(loop.body, jumpIf: decisive, to: isDecided, onError: failed)
      code.place(next)
      code.noteLate(at: failed, flag: flag, next: next)
    }
    try code.append(.raise, flag, to: onError)
    if sense != decisive {
      try code.append(.jump, to: label)
      code.place(isDecided)
    }
  }

  /// A binding that can't fail is computed at once; one that can, wherever it is asked for.
  mutating func withBindings<T>(
    _ bindings: [Expression.Binding], _ onError: Label, _ body: (inout ScalarCompiler) throws(ScalarRefusal) -> T
  ) throws(ScalarRefusal) -> T {
    for binding in bindings {
      let before = (code, pool)
      if !mayFail(binding.value), constant(binding.value) == nil, let value = try? value(binding.value, onError: onError) {
        locals.append((binding.name, .cell(value.cell, value.type)))
      } else {
        (code, pool) = before
        locals.append((binding.name, .node(binding.value, depth: locals.count)))
      }
    }
    defer { locals.removeLast(bindings.count) }
    return try body(&self)
  }
}
