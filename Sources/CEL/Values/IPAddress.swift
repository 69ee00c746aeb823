/// An IPv4 or IPv6 address. An IPv6 address that stands for an IPv4 one (`::ffff:c0a8:1`) is the IPv4 one.
public struct IPAddress: Equatable, Sendable {
  /// The 16 bytes; of IPv4 the last four.
  let high: UInt64
  let low: UInt64
  public let isV4: Bool

  public init(v4: UInt32) { self.init(raw: 0, UInt64(v4), isV4: true) }

  public init(high: UInt64, low: UInt64) {
    if high == 0, low >> 32 == 0xFFFF {
      self.init(v4: UInt32(truncatingIfNeeded: low))
    } else {
      self.init(raw: high, low, isV4: false)
    }
  }

  var bitCount: Int { isV4 ? 32 : 128 }
  var isUnspecified: Bool { high == 0 && low == 0 }
  var isLoopback: Bool { isV4 ? low >> 24 == 127 : high == 0 && low == 1 }
  var isMulticast: Bool { isV4 ? low >> 28 == 0xE : high >> 56 == 0xFF }
  var isLinkLocalMulticast: Bool { isV4 ? low >> 8 == 0xE0_0000 : high >> 56 == 0xFF && high >> 48 & 0xF == 2 }
  var isLinkLocalUnicast: Bool { isV4 ? low >> 16 == 0xA9FE : high >> 54 == 0x3FA }
  /// Anything but unspecified, loopback, multicast, link-local and broadcast; private addresses are.
  var isGlobalUnicast: Bool {
    !isUnspecified && !isLoopback && !isMulticast && !isLinkLocalUnicast && !(isV4 && low == 0xFFFF_FFFF)
  }

  /// With everything behind the first `prefix` bits zero.
  func masked(_ prefix: Int) -> IPAddress {
    if isV4 { return IPAddress(v4: prefix == 0 ? 0 : UInt32(low) & ~0 << UInt32(32 - prefix)) }
    let highMask: UInt64 = prefix >= 64 ? ~0 : prefix == 0 ? 0 : ~0 << UInt64(64 - prefix)
    let lowMask: UInt64 = prefix <= 64 ? 0 : ~0 << UInt64(128 - prefix)
    return IPAddress(raw: high & highMask, low & lowMask, isV4: false)
  }

  /// Without the look at what it stands for.
  private init(raw high: UInt64, _ low: UInt64, isV4: Bool) {
    self.high = high
    self.low = low
    self.isV4 = isV4
  }
}

/// A network: an address and how many of its first bits count.
public struct AddressRange: Equatable, Sendable {
  public let address: IPAddress
  public let prefix: Int

  /// nil if the prefix is longer than the address.
  public init?(address: IPAddress, prefix: Int) {
    guard prefix >= 0, prefix <= address.bitCount else { return nil }
    (self.address, self.prefix) = (address, prefix)
  }

  public func contains(_ other: IPAddress) -> Bool {
    other.isV4 == address.isV4 && other.masked(prefix) == address.masked(prefix)
  }

  func contains(_ other: AddressRange) -> Bool { other.prefix >= prefix && contains(other.address) }

  var masked: AddressRange { AddressRange(address: address.masked(prefix), prefix: prefix)! }
}
