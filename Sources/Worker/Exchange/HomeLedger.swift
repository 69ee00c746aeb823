import DequeModule
import Wire

/// The home side of the exchange, as far as it is in the log (X1-X4): which intakes are undecided, and what they still
/// owe to other partitions. A pure function of the entries applied (R14).
///
/// Small while all goes well: an intake leaves once it is decided and owes nothing. What a partition that can't be
/// reached is owed stays here; `bytes` is what the primary bounds, by refusing intake.
public struct HomeLedger: Sendable {
  /// What an intake waits with for its decision.
  public struct Pending: Equatable, Sendable {
    /// The home entity's features, at the intake's place in the log.
    public var row: [Double]
    /// What these say of themselves.
    public var flags: Decision.Flags

    public init(row: [Double], flags: Decision.Flags) {
      self.row = row
      self.flags = flags
    }
  }

  /// Where a primary refuses intake.
  public static let bytesMax = 32 << 20

  public struct Intake: Equatable, Sendable {
    public let offset: Offset
    /// Index into the partition's list of bundles: the one that decides it, and names its features (X6).
    public let bundle: UInt32
    /// Contributions that the log does not know to be acknowledged.
    public fileprivate(set) var owed: EntitySlots
    /// Nil once it is decided.
    public fileprivate(set) var pending: Pending?
    public let transaction: [UInt8]
    /// Where it is no transaction, but a label of one: decided from the beginning, as nothing waits for it.
    public let label: Label?

    public var isDecided: Bool { pending == nil }
    fileprivate var isFinished: Bool { isDecided && owed.isEmpty }

    public init(
      offset: Offset, bundle: UInt32, owed: EntitySlots, pending: Pending?, transaction: [UInt8], label: Label? = nil
    ) {
      precondition(label == nil || pending == nil, "a label is not decided")
      self.offset = offset
      self.bundle = bundle
      self.owed = owed
      self.pending = pending
      self.transaction = transaction
      self.label = label
    }

    public func key(_ slot: EntitySlot) -> KeyHash {
      transaction.withUnsafeBytes { TransactionView(trusted: RawSpan(_unsafeBytes: $0)).key(slot) }
    }

    fileprivate var size: Int { 96 + transaction.count + (pending?.row.count ?? 0) * 8 }
  }

  /// In order of offset. Finished ones stand among the others until they are many.
  private var intakes = Deque<Intake>()
  private var finished = 0
  private var undecided = 0
  /// Memory of the unfinished, approximately.
  public private(set) var bytes = 0

  public init() {}

  /// Intakes that are undecided or owe something.
  public var count: Int { intakes.count - finished }
  public var isEmpty: Bool { count == 0 }
  public var hasUndecided: Bool { undecided > 0 }

  /// In order of offset.
  public var unfinished: some Sequence<Intake> { intakes.lazy.filter { !$0.isFinished } }

  /// Of all that are kept.
  var newest: Offset? { intakes.last?.offset }

  /// The unfinished intake at `offset`.
  public func intake(_ offset: Offset) -> Intake? {
    guard let place = find(offset), !intakes[place].isFinished else { return nil }
    return intakes[place]
  }

  /// Whether the unfinished intake at `offset` has its decision; nil where there is none.
  public func isDecided(_ offset: Offset) -> Bool? {
    guard let place = find(offset), !intakes[place].isFinished else { return nil }
    return intakes[place].isDecided
  }

  /// Whether what is unfinished at `offset` is a label.
  public func isLabel(_ offset: Offset) -> Bool { find(offset).map { intakes[$0].label != nil } ?? false }

  // MARK: Entries

  /// An intake has been logged. One that owes nothing is in here for its decision alone.
  public mutating func take(_ intake: Intake) {
    precondition(intakes.last.map { $0.offset < intake.offset } ?? true, "intakes come in the order of the log")
    precondition(!intake.isFinished)
    intakes.append(intake)
    if !intake.isDecided { undecided += 1 }
    bytes += intake.size
  }

  /// The decision has been logged; `owed` is what had not been acknowledged by then. Answers what the intake had waited
  /// with; nil where there is no undecided intake at `offset`.
  public mutating func decide(_ offset: Offset, owed: EntitySlots) -> Pending? {
    guard let place = find(offset), let pending = intakes[place].pending else { return nil }
    undecided -= 1
    change(place) {
      $0.pending = nil
      $0.owed.formIntersection(owed)
    }
    return pending
  }

  /// Late replies have acknowledged `slots`. A second time it changes nothing.
  public mutating func acknowledge(_ offset: Offset, _ slots: EntitySlots) {
    guard let place = find(offset) else { return }
    change(place) { $0.owed.subtract(slots) }
  }

  private mutating func change(_ place: Int, _ body: (inout Intake) -> Void) {
    guard !intakes[place].isFinished else { return }
    bytes -= intakes[place].size
    body(&intakes[place])
    if intakes[place].isFinished { finished += 1 } else { bytes += intakes[place].size }
    while let first = intakes.first, first.isFinished {
      intakes.removeFirst()
      finished -= 1
    }
    if finished > 64, finished * 2 > intakes.count {
      intakes.removeAll { $0.isFinished }
      finished = 0
    }
  }

  private func find(_ offset: Offset) -> Int? {
    var low = intakes.startIndex
    var high = intakes.endIndex
    while low < high {
      let middle = (low + high) / 2
      if intakes[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low < intakes.endIndex && intakes[low].offset == offset ? low : nil
  }
}
