import CKernels
import Wire

/// Open addressing from key hashes to entity numbers: linear probing, at most 4/5 full, 8 bytes a slot.
///
/// A slot holds 32 mixed bits of the hash (whose upper bits are the slot's home) and the number plus 1; 0 is empty.
/// Candidates must still be compared by token. Mixing first: one partition's hashes share their upper bits.
struct KeyIndex: ~Copyable {
  private var slots: UnsafeMutablePointer<UInt64>
  private var bits: UInt64
  private(set) var count = 0

  init() {
    bits = 4
    slots = Self.allocate(bits)
  }

  deinit { slots.deallocate() }

  var memoryBytes: Int { Allocation.size(8 << Int(bits)) }

  @inline(__always) static func mix(_ hash: KeyHash) -> UInt64 { (hash.rawValue &* 0x9E37_79B9_7F4A_7C15) >> 32 }

  @inline(__always) func home(_ mixed: UInt64) -> Int { Int(truncatingIfNeeded: mixed &>> (32 - bits)) }

  /// The next candidate from `position` on, which moves behind it; nil at the chain's end.
  @inline(__always) func candidate(_ mixed: UInt64, _ position: inout Int) -> Int? {
    let mask = 1 << Int(bits) - 1
    while true {
      let slot = slots[position]
      if slot == 0 { return nil }
      position = (position + 1) & mask
      if slot >> 32 == mixed { return Int(truncatingIfNeeded: slot & 0xFFFF_FFFF) - 1 }
    }
  }

  mutating func insert(_ mixed: UInt64, number: Int) {
    precondition(number < Int(UInt32.max) - 1, "an entity table holds fewer than 2^32 - 2 entities")
    if (count + 1) * 5 > (1 << Int(bits)) * 4 { grow() }
    place(mixed << 32 | UInt64(number + 1))
    count += 1
  }

  @inline(__always) func prefetch(_ hash: KeyHash) { assay_prefetch(slots + home(Self.mix(hash))) }

  private func place(_ slot: UInt64) {
    let mask = 1 << Int(bits) - 1
    var position = home(slot >> 32)
    while slots[position] != 0 { position = (position + 1) & mask }
    slots[position] = slot
  }

  /// Homes keep their order, so the old slots are read, and the new ones written, from front to back.
  private mutating func grow() {
    precondition(bits < 32, "an entity table holds fewer than 2^32 entities")
    let old = slots
    let oldCount = 1 << Int(bits)
    bits += 1
    slots = Self.allocate(bits)
    for position in 0..<oldCount where old[position] != 0 { place(old[position]) }
    old.deallocate()
  }

  private static func allocate(_ bits: UInt64) -> UnsafeMutablePointer<UInt64> {
    let slots = UnsafeMutablePointer<UInt64>.allocate(capacity: 1 << Int(bits))
    slots.initialize(repeating: 0, count: 1 << Int(bits))
    return slots
  }
}

/// What an allocation costs: glibc's chunk, 8 bytes of overhead, multiples of 16, at least 32.
enum Allocation {
  static func size(_ bytes: Int) -> Int { max(32, (bytes + 8 + 15) & ~15) }
}
