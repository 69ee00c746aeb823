import Wire

/// A mapping made ready for rows: which names are looked for, and where each one's value goes.
struct FieldPlan: Sendable {
  enum Destination: Hashable, Sendable {
    case field(TransactionField)
    /// Index in the schema's list of extra fields.
    case extra(Int)
  }

  struct Column: Sendable {
    var name: String
    var destination: Destination
    var time: FieldMapping.TimeFormat
    var values: [String: String]?
    /// Named by the mapping, not taken under a canonical name.
    var isMapped: Bool
  }

  /// What a row's way needs of a column, without anything that is counted by reference.
  struct Step: Sendable {
    var destination: Destination
    /// The next column that reads the same name, or -1: one source may feed several fields.
    var next: Int32
    var hasValues: Bool
    var isPlainTime: Bool
  }

  let columns: [Column]
  let steps: [Step]
  let constants: [(destination: Destination, rule: FieldMapping.Rule)]
  let extraFields: [ExtraFieldSpec]

  /// Open addressing by the name's hash; -1 is free. Heads only: columns of one name are chained by `next`.
  private let slots: [Int32]
  private let slotMask: Int
  /// All columns' names, end to end, and where each one ends.
  private let nameBytes: [UInt8]
  private let nameEnds: [Int32]

  /// Rules for extra fields that `extraFields` doesn't have are left out: their columns are unknown ones.
  init(_ mapping: FieldMapping, extraFields: [ExtraFieldSpec]) {
    precondition(extraFields.count <= ExtraFieldSpec.countMax, "a schema has at most 255 extra fields")
    var columns: [Column] = []
    var constants: [(Destination, FieldMapping.Rule)] = []
    var ruled: Set<Destination> = []
    var sources: Set<String> = []
    for rule in mapping.rules {
      guard let destination = Self.destination(rule.target, extraFields) else { continue }
      ruled.insert(destination)
      // One amount: a rule for either spelling takes the place of both.
      if destination == .field(.amount) { ruled.insert(.field(.amountMinor)) }
      if destination == .field(.amountMinor) { ruled.insert(.field(.amount)) }
      switch rule.source {
      case .column(let name):
        sources.insert(name)
        columns.append(
          Column(name: name, destination: destination, time: rule.time, values: rule.values, isMapped: true))
      case .constant: constants.append((destination, rule))
      }
    }
    let own =
      TransactionField.allCases.map { ($0.name, Destination.field($0)) }
      + extraFields.enumerated().map { ($0.element.name, Destination.extra($0.offset)) }
    for (name, destination) in own where !ruled.contains(destination) && !sources.contains(name) {
      columns.append(
        Column(name: name, destination: destination, time: .automatic, values: nil, isMapped: false))
    }

    var size = 16
    while size < columns.count * 4 { size *= 2 }
    var slots = [Int32](repeating: -1, count: size)
    var nameBytes: [UInt8] = []
    var nameEnds: [Int32] = []
    var steps: [Step] = []
    for index in columns.indices {
      let name = Array(columns[index].name.utf8)
      var slot = Self.slot(of: name.span.bytes, size - 1)
      while slots[slot] >= 0, columns[Int(slots[slot])].name != columns[index].name { slot = (slot + 1) & (size - 1) }
      let column = columns[index]
      steps.append(
        Step(
          destination: column.destination, next: slots[slot], hasValues: column.values != nil,
          isPlainTime: column.time == .automatic))
      slots[slot] = Int32(index)
      nameBytes += name
      nameEnds.append(Int32(nameBytes.count))
    }
    self.columns = columns
    self.steps = steps
    self.constants = constants
    self.extraFields = extraFields
    self.slots = slots
    self.slotMask = size - 1
    self.nameBytes = nameBytes
    self.nameEnds = nameEnds
  }

  /// The first column that reads `name`, or -1.
  @inline(__always) func column(named name: RawSpan) -> Int {
    var slot = Self.slot(of: name, slotMask)
    while true {
      let index = Int(slots[slot])
      if index < 0 || isName(index, name) { return index }
      slot = (slot &+ 1) & slotMask
    }
  }

  @inline(__always) private func isName(_ index: Int, _ name: RawSpan) -> Bool {
    let start = index == 0 ? 0 : Int(nameEnds[index - 1])
    let count = Int(nameEnds[index]) - start
    guard count == name.byteCount else { return false }
    for i in 0..<count where nameBytes[start &+ i] != name.textByte(i) { return false }
    return true
  }

  @inline(__always) private static func slot(of name: RawSpan, _ mask: Int) -> Int {
    Int(truncatingIfNeeded: hash64(name, seed: 0)) & mask
  }

  private static func destination(_ target: FieldMapping.Target, _ extras: [ExtraFieldSpec]) -> Destination? {
    switch target {
    case .field(let field): .field(field)
    case .extra(let name): extras.firstIndex { $0.name == name }.map { .extra($0) }
    }
  }
}
