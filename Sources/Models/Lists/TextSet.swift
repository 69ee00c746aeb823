import Wire

/// Texts in one run of bytes, found by an index of open addressing that is at most three quarters full.
///
/// Memory: the text, 4 bytes for where it begins, 5 to 11 of index, and 4 where the list has items that expire. A lookup reads
/// one or two places of the index, and the text itself.
struct TextSet: Sendable {
  private var bytes: [UInt8] = []
  /// Where each text begins; the last is the end.
  private var starts: [UInt32] = [0]
  private var expiries = Expiries()
  /// Item plus 1; 0 is free.
  private var index = [UInt32](repeating: 0, count: 16)
  private(set) var count = 0
  /// Different lengths of the texts, longest first, where beginnings are asked for.
  private(set) var lengths: [Int] = []

  /// A text that is there already counts until the later expiry.
  mutating func insert(_ text: UnsafeRawBufferPointer, expiry: Int64) {
    if let item = find(text) { return expiries.raise(item, to: expiry) }
    if (count + 1) * 4 > index.count * 3 { grow() }
    bytes.append(contentsOf: text)
    starts.append(UInt32(bytes.count))
    expiries.append(expiry)
    place(count, hash64(text, seed: 0))
    count += 1
    if !lengths.contains(text.count) { lengths.append(text.count) }
  }

  /// Gives back what only building needs.
  mutating func finish() {
    lengths.sort(by: >)
    expiries.finish()
    bytes = bytes.map { $0 }
    starts = starts.map { $0 }
  }

  private mutating func place(_ item: Int, _ hash: UInt64) {
    let mask = index.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while index[slot] != 0 { slot = (slot + 1) & mask }
    index[slot] = UInt32(item + 1)
  }

  private mutating func grow() {
    index = [UInt32](repeating: 0, count: index.count * 2)
    for item in 0..<count {
      let range = Int(starts[item])..<Int(starts[item + 1])
      place(item, bytes.withUnsafeBytes { hash64(UnsafeRawBufferPointer(rebasing: $0[range]), seed: 0) })
    }
  }

  /// The item of this text, whether it has expired or not.
  private func find(_ text: UnsafeRawBufferPointer) -> Int? {
    let mask = index.count - 1
    var slot = Int(truncatingIfNeeded: hash64(text, seed: 0)) & mask
    while index[slot] != 0 {
      let item = Int(index[slot]) - 1
      if isEqual(item, text) { return item }
      slot = (slot + 1) & mask
    }
    return nil
  }

  private func isEqual(_ item: Int, _ text: UnsafeRawBufferPointer) -> Bool {
    let start = Int(starts[item])
    guard Int(starts[item + 1]) - start == text.count else { return false }
    return bytes.withUnsafeBytes { bytes in
      for at in 0..<text.count where bytes[start + at] != text[at] { return false }
      return true
    }
  }

  func contains(_ text: UnsafeBufferPointer<UInt8>, at time: Int64) -> Bool {
    guard let item = find(UnsafeRawBufferPointer(text)) else { return false }
    return expiries.holds(item, at: time)
  }

  /// Is a text of the set a beginning of `text`?
  func containsBeginning(of text: UnsafeBufferPointer<UInt8>, at time: Int64) -> Bool {
    for length in lengths where length <= text.count {
      if contains(UnsafeBufferPointer(rebasing: text[..<length]), at: time) { return true }
    }
    return false
  }

  var memoryBytes: Int { bytes.capacity + starts.capacity * 4 + index.capacity * 4 + expiries.memoryBytes }
}
