/// One bit an event of a ring, over words that the ring owns. Bits at or beyond the ring's end have no meaning.
struct Bitmap {
  let words: UnsafeMutablePointer<UInt64>

  @inline(__always) static func wordCount(_ bits: Int) -> Int { (bits + 63) >> 6 }

  @inline(__always) subscript(index: Int) -> Bool {
    get { words[index >> 6] >> UInt64(truncatingIfNeeded: index & 63) & 1 == 1 }
    nonmutating set {
      let bit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: index & 63)
      if newValue { words[index >> 6] |= bit } else { words[index >> 6] &= ~bit }
    }
  }

  /// The last set bit in `low..<index`, or -1.
  @inline(__always) func previous(before index: Int, atLeast low: Int) -> Int {
    guard index > low else { return -1 }
    var word = (index - 1) >> 6
    let lowest = low >> 6
    var bits = words[word] & (UInt64.max &>> UInt64(truncatingIfNeeded: 63 - ((index - 1) & 63)))
    while bits == 0 {
      if word == lowest { return -1 }
      word -= 1
      bits = words[word]
    }
    let found = word << 6 + 63 - bits.leadingZeroBitCount
    return found >= low ? found : -1
  }

  /// The first set bit in `index..<high`, or -1.
  @inline(__always) func next(from index: Int, below high: Int) -> Int {
    guard index < high else { return -1 }
    var word = index >> 6
    let highest = (high - 1) >> 6
    var bits = words[word] & (UInt64.max &<< UInt64(truncatingIfNeeded: index & 63))
    while bits == 0 {
      if word == highest { return -1 }
      word += 1
      bits = words[word]
    }
    let found = word << 6 + bits.trailingZeroBitCount
    return found < high ? found : -1
  }

  /// How many bits of `low..<high` are set.
  @inline(__always) func count(from low: Int, to high: Int) -> Int {
    guard low < high else { return 0 }
    let first = low >> 6
    let last = (high - 1) >> 6
    let firstMask = UInt64.max &<< UInt64(truncatingIfNeeded: low & 63)
    let lastMask = UInt64.max &>> UInt64(truncatingIfNeeded: 63 - ((high - 1) & 63))
    if first == last { return (words[first] & firstMask & lastMask).nonzeroBitCount }
    var total = (words[first] & firstMask).nonzeroBitCount + (words[last] & lastMask).nonzeroBitCount
    var word = first + 1
    while word < last {
      total += words[word].nonzeroBitCount
      word += 1
    }
    return total
  }

  /// Moves the bits from `index` on up by one and clears the bit at `index`; `end` is the number of bits before.
  func insertClear(at index: Int, end: Int) {
    let first = index >> 6
    var word = end >> 6
    while word > first {
      words[word] = words[word] << 1 | words[word - 1] >> 63
      word -= 1
    }
    let keep = (UInt64(1) &<< UInt64(truncatingIfNeeded: index & 63)) - 1
    words[first] = (words[first] & keep) | (words[first] & ~keep) << 1
  }

  /// Copies bits `start..<end` of `source` to 0; `source` may be this bitmap.
  func copy(from source: Bitmap, start: Int, end: Int) {
    let count = Self.wordCount(end - start)
    let offset = start >> 6
    let shift = UInt64(truncatingIfNeeded: start & 63)
    let lastSource = (end - 1) >> 6
    for word in 0..<count {
      let low = source.words[word + offset] &>> shift
      let high = shift != 0 && word + offset < lastSource ? source.words[word + offset + 1] &<< (64 - shift) : 0
      words[word] = low | high
    }
  }
}
