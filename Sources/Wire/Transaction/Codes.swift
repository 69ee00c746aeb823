/// How the payment reached the merchant.
public enum Channel: UInt8, Sendable, CaseIterable {
  case unknown = 0, pos, ecommerce, atm, moto, recurring, transfer

  public var name: String {
    switch self {
    case .unknown: "unknown"
    case .pos: "pos"
    case .ecommerce: "ecommerce"
    case .atm: "atm"
    case .moto: "moto"
    case .recurring: "recurring"
    case .transfer: "transfer"
    }
  }

  public init?(name: some StringProtocol) {
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }
}

/// How the card's data was read (after ISO 8583 field 22).
public enum EntryMode: UInt8, Sendable, CaseIterable {
  case unknown = 0, chip, contactless, magstripe, manual, credentialOnFile, wallet

  public var name: String {
    switch self {
    case .unknown: "unknown"
    case .chip: "chip"
    case .contactless: "contactless"
    case .magstripe: "magstripe"
    case .manual: "manual"
    case .credentialOnFile: "credential_on_file"
    case .wallet: "wallet"
    }
  }

  public init?(name: some StringProtocol) {
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }
}

/// ISO 3166-1 alpha-2, packed as two ASCII letters (first letter in the low byte); 0 is none.
public struct Country: Hashable, Sendable, CustomStringConvertible {
  public let code: UInt16
  @inlinable public init(code: UInt16) { self.code = code }
  @inlinable public static var none: Country { Country(code: 0) }

  /// Two letters A to Z; nil for anything else.
  @inlinable public init?(_ first: UInt8, _ second: UInt8) {
    guard (65...90).contains(first), (65...90).contains(second) else { return nil }
    code = UInt16(first) | UInt16(second) << 8
  }

  public init?(_ text: some StringProtocol) {
    let letters = Array(text.utf8)
    guard letters.count == 2 else { return nil }
    self.init(letters[0], letters[1])
  }

  public var description: String {
    code == 0 ? "" : String(decoding: [UInt8(truncatingIfNeeded: code), UInt8(code >> 8)], as: UTF8.self)
  }
}
