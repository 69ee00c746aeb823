import Wire

/// Counts different values among events of which only this is kept, for any window that ends with the newest: HyperLogLog
/// (Flajolet et al. 2007) over a sliding window (Chabchoub, Hébrail 2010). A register keeps, of the ranks that values gave it,
/// those that no later one reaches, each with its stretch of time. Integers alone (R14).
///
/// Standard error: 1.04 / sqrt(2,048) = 2.3 %. Memory: 16 KiB, and for a register with values some 32 bytes and 8 for each rank
/// kept, of which there are about as many as the binary logarithm of the values that fell into it.
struct DistinctSketch: Sendable {
  static let indexBits = 11
  static let registerCount = 1 << indexBits
  static let standardError = 0.023
  /// Ranks are 1 to this many.
  private static let rankMax = 64 - indexBits + 1

  /// By register: `stretch << 6 | rank`, stretches rising, ranks falling.
  private var registers = [[Int64]](repeating: [], count: registerCount)
  private var entryCount = 0

  var memoryBytes: Int { registers.capacity * 8 + entryCount * 8 + Self.registerCount * 32 }

  /// `value` as an event keeps it, not 0. What lies at or before `bound` may be forgotten.
  mutating func add(_ value: UInt64, stretch: Int64, forgetting bound: Int64) {
    let (index, rank) = Self.place(value)
    let entry = stretch << 6 | rank
    var entries = registers[index]
    registers[index] = []
    defer { registers[index] = entries }
    // One that is as late and as high says the same.
    if entries.contains(where: { $0 >> 6 >= stretch && $0 & 63 >= rank }) { return }
    entryCount -= entries.count
    entries.removeAll { $0 >> 6 <= stretch && $0 & 63 <= rank || $0 >> 6 <= bound }
    entries.insert(entry, at: entries.firstIndex { $0 > entry } ?? entries.count)
    entryCount += entries.count
  }

  /// Different values behind the stretch `left`, rounded; with `value` counted, too, unless it is 0.
  func estimate(after left: Int64, with value: UInt64) -> Double {
    var ranks = [Int](repeating: 0, count: Self.rankMax + 1)
    let own: (index: Int, rank: Int64) = value == 0 ? (-1, 0) : Self.place(value)
    for index in registers.indices {
      // Ranks fall: the first that is late enough is the highest.
      var rank = registers[index].first { $0 >> 6 > left }.map { $0 & 63 } ?? 0
      if index == own.index, own.rank > rank { rank = own.rank }
      ranks[Int(rank)] += 1
    }
    return Self.estimate(ranks).rounded()
  }

  private static func place(_ value: UInt64) -> (index: Int, rank: Int64) {
    // Codes are small numbers: mixed (the finalizer of SplitMix64), so that every bit counts.
    var z = value &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    z ^= z >> 31
    let rest = z << UInt64(indexBits)
    return (Int(z >> UInt64(64 - indexBits)), Int64(min(rest.leadingZeroBitCount + 1, rankMax)))
  }

  /// The improved raw estimator of Ertl ("New cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm 6): good from 0
  /// on, and made of operations that are the same on every machine. `counts` are registers by rank.
  private static func estimate(_ counts: [Int]) -> Double {
    let m = Double(registerCount)
    var z = m * tau(1 - Double(counts[rankMax]) / m)
    for rank in stride(from: rankMax - 1, to: 0, by: -1) { z = 0.5 * (z + Double(counts[rank])) }
    z += m * sigma(Double(counts[0]) / m)
    // 1 / (2 ln 2).
    return 0.721_347_520_444_481_7 * m * m / z
  }

  private static func sigma(_ start: Double) -> Double {
    if start == 1 { return .infinity }
    var (x, y, z) = (start, 1.0, start)
    while true {
      x *= x
      let before = z
      z += x * y
      y += y
      if z == before { return z }
    }
  }

  private static func tau(_ start: Double) -> Double {
    if start == 0 || start == 1 { return 0 }
    var (x, y, z) = (start, 1.0, 1 - start)
    while true {
      x = x.squareRoot()
      let before = z
      y *= 0.5
      z -= (1 - x) * (1 - x) * y
      if z == before { return z / 3 }
    }
  }

  // MARK: Codec

  /// `u16 registers with values; each: u16 index, u8 ranks, each i64`.
  func write(to out: inout WireWriter) {
    out.write(UInt16(registers.count { !$0.isEmpty }))
    for (index, entries) in registers.enumerated() where !entries.isEmpty {
      out.write(UInt16(index))
      out.write(UInt8(entries.count))
      for entry in entries { out.write(entry) }
    }
  }

  init() {}

  init(from reader: inout WireReader) throws(WireError) {
    var last = -1
    for _ in 0..<Int(try reader.read(UInt16.self)) {
      let at = reader.position
      let index = Int(try reader.read(UInt16.self))
      guard index > last, index < Self.registerCount else { throw .invalid(at: at, "a sketch's registers are out of order") }
      last = index
      for _ in 0..<Int(try reader.read(UInt8.self)) {
        let entry = try reader.read(Int64.self)
        let rank = entry & 63
        if let before = registers[index].last, before >> 6 >= entry >> 6 || before & 63 <= rank {
          throw .invalid(at: at, "a sketch's ranks are out of order")
        }
        guard (1...Int64(Self.rankMax)).contains(rank) else { throw .invalid(at: at, "a sketch has no such rank") }
        registers[index].append(entry)
        entryCount += 1
      }
    }
  }
}
