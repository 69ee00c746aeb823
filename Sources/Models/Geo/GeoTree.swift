/// The search tree of a MaxMind DB file: a node for each bit of an address, with a record to the left for 0 and to the right for 1.
/// A record below the number of nodes is a node, that number itself says that nothing is known, and beyond it lies the data.
struct GeoTree {
  /// Between the tree and the data.
  static let separatorSize = 16

  let bytes: UnsafeRawBufferPointer
  let nodeCount: Int
  /// 24, 28 or 32.
  let recordBits: Int
  let isV6: Bool
  /// The record behind the 96 zero bits under which an IPv6 tree has IPv4.
  private(set) var v4Root = 0

  /// nil if `file` has no room for it.
  init?(_ file: UnsafeRawBufferPointer, nodeCount: Int, recordBits: Int, isV6: Bool) {
    guard nodeCount > 0, nodeCount <= UInt32.max, [24, 28, 32].contains(recordBits) else { return nil }
    let size = nodeCount * recordBits / 4
    guard size + Self.separatorSize <= file.count else { return nil }
    bytes = UnsafeRawBufferPointer(rebasing: file[..<size])
    (self.nodeCount, self.recordBits, self.isV6) = (nodeCount, recordBits, isV6)
    guard isV6 else { return }
    for _ in 0..<96 where v4Root < nodeCount { v4Root = record(v4Root, false) }
  }

  @inline(__always) func record(_ node: Int, _ isRight: Bool) -> Int {
    let at = node * recordBits / 4
    switch recordBits {
    case 24:
      let first = isRight ? at + 3 : at
      return Int(bytes[first]) << 16 | Int(bytes[first + 1]) << 8 | Int(bytes[first + 2])
    case 28:
      // The middle byte has the upper four bits of both: the left record's first.
      let first = isRight ? at + 4 : at
      let high = isRight ? Int(bytes[at + 3] & 15) : Int(bytes[at + 3] >> 4)
      return high << 24 | Int(bytes[first]) << 16 | Int(bytes[first + 1]) << 8 | Int(bytes[first + 2])
    default:
      return Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: isRight ? at + 4 : at, as: UInt32.self)))
    }
  }

  /// Where the address's record lies in the data section; nil if nothing is known of it.
  @inline(__always) func find(v4 address: UInt32) -> Int? { data(walk(v4Root, UInt64(address) << 32, 32)) }

  func find(high: UInt64, low: UInt64) -> Int? {
    if high == 0, low >> 32 == 0xFFFF { return find(v4: UInt32(truncatingIfNeeded: low)) }
    guard isV6 else { return nil }
    let half = walk(0, high, 64)
    return data(half < nodeCount ? walk(half, low, 64) : half)
  }

  /// By the upper `count` bits.
  @inline(__always) private func walk(_ start: Int, _ address: UInt64, _ count: Int) -> Int {
    var node = start
    var bits = address
    var left = count
    while left > 0, node < nodeCount {
      node = record(node, bits >> 63 == 1)
      bits <<= 1
      left -= 1
    }
    return node
  }

  /// A node at the end of all bits is none of the addresses'.
  @inline(__always) private func data(_ record: Int) -> Int? {
    record > nodeCount ? record - nodeCount - Self.separatorSize : nil
  }

  /// Where each record of the tree points: to a node, to nothing or into a data section of `dataSize`. `body` hears of each
  /// place there that it has not heard of.
  func visitRecords(dataSize: Int, _ body: (Int) throws(GeoFault) -> Void) throws(GeoFault) {
    var seen = [UInt64](repeating: 0, count: dataSize / 64 + 1)
    for node in 0..<nodeCount {
      for isRight in [false, true] {
        let record = record(node, isRight)
        guard record > nodeCount else { continue }
        let at = record - nodeCount - Self.separatorSize
        guard at >= 0, at < dataSize else { throw GeoFault(.tree, at: node) }
        if seen[at >> 6] >> UInt64(at & 63) & 1 == 1 { continue }
        seen[at >> 6] |= 1 << UInt64(at & 63)
        try body(at)
      }
    }
  }
}
