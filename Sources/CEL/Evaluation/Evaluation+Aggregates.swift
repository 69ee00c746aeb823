extension Evaluation {
  mutating func list(_ elements: [Plan.Element]) throws(EvaluationError) -> Value {
    var list: [Value] = []
    list.reserveCapacity(elements.count)
    for element in elements {
      let value = try value(of: element.plan)
      guard element.isOptional else {
        list.append(value)
        continue
      }
      if let inner = try unwrapped(value) { list.append(inner) }
    }
    return .list(list)
  }

  mutating func map(_ entries: [Plan.Entry]) throws(EvaluationError) -> Value {
    var map = MapValue()
    for entry in entries {
      let key = try value(of: entry.key)
      var value = try value(of: entry.value)
      if entry.isOptional {
        guard let inner = try unwrapped(value) else { continue }
        value = inner
      }
      try insert(value, key, into: &map)
    }
    return .map(map)
  }

  private func unwrapped(_ value: Value) throws(EvaluationError) -> Value? {
    guard case .optional(let inner) = value else { throw .noOverload("?", [value]) }
    return inner
  }

  private func insert(_ value: Value, _ key: Value, into map: inout MapValue) throws(EvaluationError) {
    guard try map.insert(value, for: key) else { throw EvaluationError(.invalidArgument, "the map has a key twice") }
  }

  // MARK: Comprehensions

  mutating func run(_ loop: Plan.Loop) throws(EvaluationError) -> Value {
    let range = try value(of: loop.range)
    var result = Fold(loop.fold)
    switch range {
    case .list(let elements):
      for (index, element) in elements.enumerated() {
        if loop.secondSlot != nil { set(loop.firstSlot, .int(Int64(index))) }
        set(loop.secondSlot ?? loop.firstSlot, element)
        if try step(loop, key: .int(Int64(index)), &result) { break }
      }
    case .map(let map):
      for entry in map.entries {
        set(loop.firstSlot, entry.key)
        if let slot = loop.secondSlot { set(slot, entry.value) }
        if try step(loop, key: entry.key, &result) { break }
      }
    default: throw EvaluationError(.noSuchOverload, "a loop runs over a list or a map, not over a \(range.typeName)")
    }
    return try result.value()
  }

  /// What a loop has gathered.
  private struct Fold {
    let kind: Comprehension.Fold
    var truth: Bool
    var count = 0
    var failure: EvaluationError?
    var list: [Value] = []
    var map = MapValue()

    init(_ kind: Comprehension.Fold) {
      self.kind = kind
      truth = kind == .all
    }

    func value() throws(EvaluationError) -> Value {
      switch kind {
      case .all, .exists:
        if let failure, truth == (kind == .all) { throw failure }
        return .bool(truth)
      case .existsOne: return .bool(count == 1)
      case .list: return .list(list)
      case .map, .entries: return .map(map)
      }
    }
  }

  /// True if the rest of the range can't change the result.
  private mutating func step(_ loop: Plan.Loop, key: Value, _ fold: inout Fold) throws(EvaluationError) -> Bool {
    try charge(1)
    if let filter = loop.filter, try !truth(filter, "filter") { return false }
    switch fold.kind {
    case .all, .exists:
      do throws(EvaluationError) {
        if try truth(loop.body, fold.kind == .all ? "all" : "exists") != fold.truth {
          fold.truth.toggle()
          return true
        }
      } catch {
        if error.code == .tooCostly { throw error }
        fold.failure = fold.failure ?? error
      }
    case .existsOne: if try truth(loop.body, "exists_one") { fold.count += 1 }
    case .list: fold.list.append(try value(of: loop.body))
    case .map: try insert(try value(of: loop.body), key, into: &fold.map)
    case .entries:
      let made = try value(of: loop.body)
      guard case .map(let entries) = made else { throw .noOverload("transformMapEntry", [made]) }
      for entry in entries.entries { try insert(entry.value, entry.key, into: &fold.map) }
    }
    return false
  }
}
