/// All states found, whole, with where each came from. A search that ends has covered everything: no two states are taken
/// for one because of a hash.
final class StateStore {
  private static let chunkStates = 1 << 18
  private var chunks: [UnsafeMutablePointer<UInt32>] = []
  private var parents: [UnsafeMutablePointer<UInt32>] = []
  private var table: UnsafeMutablePointer<UInt32>
  private var tableSize = 1 << 16
  private(set) var count = 0
  private static let free = UInt32.max

  init() {
    table = .allocate(capacity: tableSize)
    table.initialize(repeating: Self.free, count: tableSize)
  }

  deinit {
    for chunk in chunks + parents { chunk.deallocate() }
    table.deallocate()
  }

  subscript(index: Int) -> World { World(reading: words(index)) }

  /// The state from which this one was first reached; nil of the first.
  func parent(_ index: Int) -> Int? {
    let parent = parents[index / Self.chunkStates][index % Self.chunkStates]
    return parent == Self.free ? nil : Int(parent)
  }

  /// Bytes in use.
  var bytes: Int { chunks.count * Self.chunkStates * (World.words + 1) * 4 + tableSize * 4 }

  /// False: it was there already.
  func insert(_ world: World, from parent: Int?) -> Bool {
    if count * 2 >= tableSize { grow() }
    let mask = tableSize - 1
    var place = Int(truncatingIfNeeded: world.hash) & mask
    while table[place] != Self.free {
      if self[Int(table[place])] == world { return false }
      place = (place + 1) & mask
    }
    precondition(count < Int(Self.free), "more states than there are numbers")
    if count % Self.chunkStates == 0 {
      chunks.append(.allocate(capacity: Self.chunkStates * World.words))
      parents.append(.allocate(capacity: Self.chunkStates))
    }
    table[place] = UInt32(count)
    world.write(to: words(count))
    parents[count / Self.chunkStates][count % Self.chunkStates] = parent.map(UInt32.init) ?? Self.free
    count += 1
    return true
  }

  private func words(_ index: Int) -> UnsafeMutablePointer<UInt32> {
    chunks[index / Self.chunkStates] + (index % Self.chunkStates) * World.words
  }

  private func grow() {
    table.deallocate()
    tableSize *= 2
    table = .allocate(capacity: tableSize)
    table.initialize(repeating: Self.free, count: tableSize)
    let mask = tableSize - 1
    for index in 0..<count {
      var place = Int(truncatingIfNeeded: self[index].hash) & mask
      while table[place] != Self.free { place = (place + 1) & mask }
      table[place] = UInt32(index)
    }
  }
}
