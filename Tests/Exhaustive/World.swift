import Wire

/// One state of the whole: sixteen numbers, each of which names a part that the model has seen before.
struct World: Equatable {
  static let words = 16
  private var storage: InlineArray<16, UInt32>

  init() { storage = InlineArray(repeating: 0) }

  init(reading words: UnsafePointer<UInt32>) {
    storage = InlineArray { words[$0] }
  }

  func write(to words: UnsafeMutablePointer<UInt32>) {
    for index in 0..<Self.words { words[index] = storage[index] }
  }

  static func == (a: World, b: World) -> Bool {
    for index in 0..<words where a.storage[index] != b.storage[index] { return false }
    return true
  }

  var hash: UInt64 {
    var h: UInt64 = 0x9e37_79b9_7f4a_7c15
    for index in stride(from: 0, to: Self.words, by: 2) {
      h = (h ^ (UInt64(storage[index]) << 32 | UInt64(storage[index + 1]))) &* 0xff51_afd7_ed55_8ccd
      h ^= h >> 32
    }
    return h &* 0xc4ce_b9fe_1a85_ec53 ^ h >> 29
  }

  subscript(node node: Int) -> UInt32 {
    get { storage[node] }
    set { storage[node] = newValue }
  }

  /// Messages under way from one node to another, oldest first.
  subscript(from from: Int, to to: Int) -> UInt32 {
    get { storage[3 + from * 2 + (to > from ? to - 1 : to)] }
    set { storage[3 + from * 2 + (to > from ? to - 1 : to)] = newValue }
  }

  /// Superseded records that a node may still be told.
  subscript(records node: Int) -> UInt32 {
    get { storage[9 + node] }
    set { storage[9 + node] = newValue }
  }

  var coordinator: UInt32 {
    get { storage[12] }
    set { storage[12] = newValue }
  }

  /// What has been acknowledged, and who has led.
  var history: UInt32 {
    get { storage[13] }
    set { storage[13] = newValue }
  }

  /// How much of each budget is used up: four bits each.
  subscript(used budget: Budget) -> Int {
    get { Int(storage[14 + budget.rawValue / 8] >> (UInt32(budget.rawValue % 8) * 4)) & 15 }
    set {
      let shift = UInt32(budget.rawValue % 8) * 4
      storage[14 + budget.rawValue / 8] &= ~(15 << shift)
      storage[14 + budget.rawValue / 8] |= UInt32(newValue) << shift
    }
  }
}

/// What a search bounds.
enum Budget: Int, CaseIterable {
  /// Clients' values.
  case values
  /// Processes that die and come back.
  case crashes
  /// Disks that are lost.
  case wipes
  /// Members that leave the ISR without an election.
  case shrinks
  /// Members that are admitted.
  case expansions
  /// Connections that break and lose what was under way.
  case breaks
  /// Times that a primary takes a follower for silent.
  case silences
  /// Proposals that are refused.
  case refusals
  /// Proposals of which the proposer hears that they could not be delivered.
  case undelivered
  /// Planned changes of primary.
  case handOvers
}

/// The bounds of one search.
struct Scope {
  var name: String
  var durability: Durability
  /// The ISR at the start; the others are learners.
  var inSync: [Int]
  /// Highest epoch.
  var epochs: Int
  private var limits: [Int]
  /// Messages under way on one connection; further ones are not sent.
  var window: Int
  /// A message may overtake those before it.
  var overtaking: Bool
  /// Superseded records may arrive late.
  var lateRecords: Bool
  /// The sync of some writes may be known before that of the others.
  var partialSyncs: Bool
  /// In one state of this many, it is tried whether the whole heals and commits. 0: never.
  var healing: Int

  init(
    _ name: String, durability: Durability = .fsync, inSync: [Int] = [0, 1, 2], epochs: Int = 2, _ limits: [Budget: Int], window: Int = 1,
    overtaking: Bool = false, lateRecords: Bool = true, partialSyncs: Bool = false, healing: Int = 64
  ) {
    self.name = name
    self.durability = durability
    self.inSync = inSync
    self.epochs = epochs
    self.limits = Budget.allCases.map { limits[$0] ?? 0 }
    self.window = window
    self.overtaking = overtaking
    self.lateRecords = lateRecords
    self.partialSyncs = partialSyncs
    self.healing = healing
  }

  subscript(budget: Budget) -> Int { limits[budget.rawValue] }
}

extension Scope: CustomStringConvertible {
  var description: String {
    let bounds = Budget.allCases.filter { self[$0] > 0 }.map { "\(self[$0]) \($0)" }
    return "\(name): \(durability), first ISR \(inSync.map { "n\($0 + 1)" }.joined(separator: " ")), \(epochs) epochs, "
      + "\(window) messages a connection\(overtaking ? ", overtaking" : "")\(lateRecords ? "" : ", no late records")"
      + (partialSyncs ? ", partial syncs" : "") + ", " + bounds.joined(separator: ", ")
  }
}
