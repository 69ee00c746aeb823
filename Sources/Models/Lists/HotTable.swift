import Wire

/// The hot items of one list, found by what they match. Changed in place, an item at a time; one event loop owns it.
///
/// It doesn't know the list's type, which may change with the bundle: each item stands under every reading that it has, as a text, an
/// address or network, and a number.
final class HotTable {
  /// One item, as far as it decides.
  struct Entry {
    var version: UInt64
    var isMember: Bool
    var until: Int64

    /// The newer of two that match.
    @inline(__always) func newer(_ other: Entry?) -> Entry { other.map { $0.version > version ? $0 : self } ?? self }
  }

  /// Texts of one hash.
  private var texts: [UInt64: [(text: [UInt8], entry: Entry)]] = [:]
  /// How many texts there are of each length, for those that ask for beginnings.
  private var lengths: [Int: Int] = [:]
  private var numbers: [Int64: [(text: [UInt8], entry: Entry)]] = [:]
  private var v4 = Networks()
  private var v6 = Networks()
  private(set) var count = 0

  /// Networks by the number of their leading bits; one network may be written in several ways.
  private struct Networks {
    var byPrefix: [Int: [UInt128: [(text: [UInt8], entry: Entry)]]] = [:]

    mutating func put(_ entry: Entry, _ text: [UInt8], _ network: AddressSet.Network, bits: Int) {
      let prefix = bits - (network.last &- network.first &+ 1).exponent
      byPrefix[prefix, default: [:]][network.first, default: []].put(entry, text)
    }

    mutating func remove(_ text: [UInt8], _ network: AddressSet.Network, bits: Int) {
      let prefix = bits - (network.last &- network.first &+ 1).exponent
      byPrefix[prefix]?[network.first]?.removeAll { $0.text == text }
      if byPrefix[prefix]?[network.first]?.isEmpty == true { byPrefix[prefix]?[network.first] = nil }
      if byPrefix[prefix]?.isEmpty == true { byPrefix[prefix] = nil }
    }

    func newest(_ address: UInt128, bits: Int, at time: Int64) -> Entry? {
      var best: Entry?
      for (prefix, networks) in byPrefix {
        let hosts: UInt128 = prefix == bits ? 0 : UInt128.max >> UInt128(128 - (bits - prefix))
        guard let found = networks[address & ~hosts] else { continue }
        for (_, entry) in found where entry.until > time { best = entry.newer(best) }
      }
      return best
    }
  }

  /// The version of the item of this text; nil where there is none.
  func version(of text: [UInt8]) -> UInt64? { texts[Self.hash(text)]?.first { $0.text == text }?.entry.version }

  /// In the place of the one of this text, if there is one.
  func put(_ text: [UInt8], _ entry: Entry) {
    remove(text)
    texts[Self.hash(text), default: []].put(entry, text)
    lengths[text.count, default: 0] += 1
    count += 1
    if let number = Self.number(text) { numbers[number, default: []].put(entry, text) }
    if let network = ListFile.network(text, expiry: entry.until) {
      if network.isV4 { v4.put(entry, text, network, bits: 32) } else { v6.put(entry, text, network, bits: 128) }
    }
  }

  func remove(_ text: [UInt8]) {
    let hash = Self.hash(text)
    guard let place = texts[hash]?.firstIndex(where: { $0.text == text }) else { return }
    texts[hash]!.remove(at: place)
    if texts[hash]!.isEmpty { texts[hash] = nil }
    lengths[text.count]! -= 1
    if lengths[text.count] == 0 { lengths[text.count] = nil }
    count -= 1
    if let number = Self.number(text) {
      numbers[number]?.removeAll { $0.text == text }
      if numbers[number]?.isEmpty == true { numbers[number] = nil }
    }
    if let network = ListFile.network(text, expiry: 0) {
      if network.isV4 { v4.remove(text, network, bits: 32) } else { v6.remove(text, network, bits: 128) }
    }
  }

  private static func hash(_ text: [UInt8]) -> UInt64 { text.withUnsafeBytes { hash64($0, seed: 0) } }
  private static func number(_ text: [UInt8]) -> Int64? { Int64(String(decoding: text, as: UTF8.self)) }

  // MARK: Whether it says what a value is; nil where no item that counts at `time` matches

  func verdict(_ text: UnsafeBufferPointer<UInt8>, at time: Int64) -> Bool? { newest(text, at: time)?.isMember }

  private func newest(_ text: UnsafeBufferPointer<UInt8>, at time: Int64) -> Entry? {
    guard let found = texts[hash64(UnsafeRawBufferPointer(text), seed: 0)] else { return nil }
    for (known, entry) in found where entry.until > time && known.count == text.count && known.elementsEqual(text) { return entry }
    return nil
  }

  /// By the items that `text` begins with.
  func verdict(beginning text: UnsafeBufferPointer<UInt8>, at time: Int64) -> Bool? {
    var best: Entry?
    for length in lengths.keys where length <= text.count {
      guard let found = newest(UnsafeBufferPointer(rebasing: text[..<length]), at: time) else { continue }
      best = found.newer(best)
    }
    return best?.isMember
  }

  func verdict(_ number: Int64, at time: Int64) -> Bool? {
    var best: Entry?
    for (_, entry) in numbers[number] ?? [] where entry.until > time { best = entry.newer(best) }
    return best?.isMember
  }

  /// IPv4 as `::ffff:a.b.c.d`.
  func verdict(_ address: (high: UInt64, low: UInt64), at time: Int64) -> Bool? {
    guard address.high == 0, address.low >> 32 == 0xFFFF else {
      return v6.newest(UInt128(address.high) << 64 | UInt128(address.low), bits: 128, at: time)?.isMember
    }
    return v4.newest(UInt128(address.low & 0xFFFF_FFFF), bits: 32, at: time)?.isMember
  }
}

extension [(text: [UInt8], entry: HotTable.Entry)] {
  fileprivate mutating func put(_ entry: HotTable.Entry, _ text: [UInt8]) { append((text, entry)) }
}

extension UInt128 {
  /// Of a power of two, its exponent; 128 of the one that has wrapped to 0.
  fileprivate var exponent: Int { self == 0 ? 128 : trailingZeroBitCount }
}
