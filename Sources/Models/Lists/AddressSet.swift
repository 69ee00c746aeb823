/// Networks, cut into segments that don't overlap: a segment counts until the last of the networks that cover it expires.
///
/// Memory: 4 bytes for a boundary of IPv4 and 16 of IPv6, two boundaries for a network that stands alone, one where two
/// touch; and 4 for its expiry. A lookup is a binary search, begun for IPv4 at the address's first 16 bits.
struct AddressSet: Sendable {
  /// First and last address, 32 bits in `low` for IPv4, and the first ms at which the network counts no more.
  struct Network: Sendable {
    var first: UInt128
    var last: UInt128
    var isV4: Bool
    var expiry: Int64
  }

  private var v4 = Segments<UInt32>()
  private var v6 = Segments<UInt128>()
  /// For each value of an IPv4 address's first 16 bits: boundaries below. Where there are enough to need it.
  private var roots: [UInt32] = []
  let count: Int

  init(_ networks: [Network]) {
    count = networks.count
    v4.build(networks.filter(\.isV4).map { (UInt32(truncatingIfNeeded: $0.first), UInt32(truncatingIfNeeded: $0.last), $0.expiry) })
    v6.build(networks.filter { !$0.isV4 }.map { ($0.first, $0.last, $0.expiry) })
    guard v4.starts.count > 4_096 else { return }
    roots = [UInt32](repeating: 0, count: 65_537)
    for start in v4.starts { roots[Int(start >> 16) + 1] += 1 }
    for at in 1...65_536 { roots[at] += roots[at - 1] }
  }

  /// IPv4 as `::ffff:a.b.c.d`.
  func contains(_ address: (high: UInt64, low: UInt64), at time: Int64) -> Bool {
    guard address.high == 0, address.low >> 32 == 0xFFFF else {
      return v6.contains(UInt128(address.high) << 64 | UInt128(address.low), 0..<v6.starts.count, at: time)
    }
    let four = UInt32(truncatingIfNeeded: address.low)
    guard !roots.isEmpty else { return v4.contains(four, 0..<v4.starts.count, at: time) }
    let root = Int(four >> 16)
    return v4.contains(four, Int(roots[root])..<Int(roots[root + 1]), at: time)
  }

  var memoryBytes: Int { v4.memoryBytes + v6.memoryBytes + roots.capacity * 4 }
}

/// Where segments begin, rising, and until when each counts. What lies below the first counts never.
struct Segments<Address: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
  private(set) var starts: [Address] = []
  private var expiries = Expiries()

  mutating func build(_ ranges: [(first: Address, last: Address, expiry: Int64)]) {
    // Wider before narrower: what is on the stack covers what comes next, or has ended.
    let sorted = ranges.sorted { ($0.first, $1.last) < ($1.first, $0.last) }
    var open: [(last: Address, expiry: Int64)] = []
    var ends: [Int64] = []
    var current = Int64.min
    func standing() -> Int64 { open.reduce(Int64.min) { max($0, $1.expiry) } }
    func mark(_ start: Address, _ expiry: Int64) {
      if let last = starts.last, last == start {
        starts.removeLast()
        ends.removeLast()
        current = ends.last ?? .min
      }
      guard expiry != current else { return }
      starts.append(start)
      ends.append(expiry)
      current = expiry
    }
    func close(before first: Address?) {
      while let top = open.last, first.map({ top.last < $0 }) ?? true {
        open.removeLast()
        if top.last < .max { mark(top.last + 1, standing()) }
      }
    }
    for range in sorted {
      close(before: range.first)
      open.append((range.last, range.expiry))
      mark(range.first, standing())
    }
    close(before: nil)
    for end in ends { expiries.append(end) }
    expiries.finish()
    starts = starts.map { $0 }
  }

  /// `range`: boundaries among which the last one not above the address is looked for; it may be the one before.
  @inline(__always) func contains(_ address: Address, _ range: Range<Int>, at time: Int64) -> Bool {
    var low = range.lowerBound
    var high = range.upperBound
    while low < high {
      let middle = (low + high) >> 1
      if starts[middle] <= address { low = middle + 1 } else { high = middle }
    }
    return low > 0 && expiries.holds(low - 1, at: time)
  }

  var memoryBytes: Int { starts.capacity * MemoryLayout<Address>.stride + expiries.memoryBytes }
}
