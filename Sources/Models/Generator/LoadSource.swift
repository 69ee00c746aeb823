import Wire

/// A very cheap source of valid transaction records for load tests: one template, patched.
///
/// Cards are drawn by Zipf's law (the n-th busiest pays 1/n as often as the busiest), merchants and devices evenly.
/// Ids are the source's prefix and a counter: unique as long as no two sources of a run share a prefix.
public struct LoadSource: Sendable {
  public static let merchantCount = 10_000
  public static let deviceCount = 50_000

  /// Bytes of every record.
  public let recordLength: Int
  /// Event times lie up to this far before the time given.
  public let jitterMilliseconds: Int

  private let cards: AliasTable
  private let template: [UInt8]
  private let amounts: [Int64]
  private var random: SyntheticRandom
  private var counter: UInt64 = 0

  // Where the template is patched; tokens are a letter, `_` and eight digits.
  private static let idLength = 24
  private static let tokenLength = 10
  private static let idAt = TransactionView.fixedSize
  private static let cardAt = idAt + idLength
  private static let customerAt = cardAt + tokenLength
  private static let merchantAt = customerAt + tokenLength
  private static let terminalAt = merchantAt + tokenLength
  private static let deviceAt = terminalAt + tokenLength
  private static let ipAt = deviceAt + tokenLength

  /// - Parameters:
  ///   - prefix: The first eight digits of every id; another one for each source of a run.
  ///   - cards: 1 to 2^31.
  public init(seed: UInt64, prefix: UInt32, cards: Int, jitterMilliseconds: Int = 2_000, currency: Currency = .euro) {
    precondition((1...1 << 31).contains(cards) && jitterMilliseconds >= 0, "1 to 2^31 cards, and no negative jitter")
    var random = SyntheticRandom(seed: SyntheticRandom.hash(seed, UInt64(prefix), 21))
    self.cards = .zipf(cards)
    self.jitterMilliseconds = jitterMilliseconds
    // Log-normal by the sum of uniforms: no libm, so the same bytes on every machine.
    amounts = (0..<4096).map { _ in
      let spread = (0..<12).reduce(-6.0) { sum, _ in sum + random.uniform() }
      var amount = 2_500.0
      for _ in 0..<Int(spread.magnitude * 4) { amount *= spread < 0 ? 0.8 : 1.25 }
      return max(50, Int64(amount))
    }
    var builder = TransactionBuilder()
    builder.currency = currency
    builder.channel = .ecommerce
    builder.entryMode = .credentialOnFile
    builder.id = Array((hexadecimal(UInt64(prefix)).suffix(8) + String(repeating: "0", count: 16)).utf8)
    builder.card = Array("c_00000000".utf8)
    builder.customer = Array("u_00000000".utf8)
    builder.merchant = Array("m_00000000".utf8)
    builder.terminal = Array("t_00000000".utf8)
    builder.device = Array("d_00000000".utf8)
    builder.ip = [11, 0, 0, 0]
    builder.country = Country("DE")!
    builder.mcc = 5411
    var template: [UInt8] = []
    builder.append(to: &template)
    self.template = template
    recordLength = template.count
    self.random = random
  }

  /// Appends `count` records to `out`, at event times just before `instant` (milliseconds since the epoch).
  public mutating func append(_ count: Int, at instant: Int64, to out: inout [UInt8]) {
    let size = count * recordLength
    if out.capacity - out.count < size { out.reserveCapacity(max(out.count + size, out.capacity * 2)) }
    // Copies: the closure below may not touch `self`.
    var random = random
    var counter = counter
    out.append(addingCapacity: size) { (span: inout OutputSpan<UInt8>) in
      span.withUnsafeMutableBufferPointer { buffer, written in
        var record = UnsafeMutableRawPointer(buffer.baseAddress! + written)
        template.withUnsafeBytes { template in
          for _ in 0..<count {
            record.copyMemory(from: template.baseAddress!, byteCount: template.count)
            patch(record, instant, counter, &random)
            record += template.count
            counter += 1
          }
        }
        written += size
      }
    }
    self.random = random
    self.counter = counter
  }

  @inline(__always) private func patch(
    _ record: UnsafeMutableRawPointer, _ instant: Int64, _ counter: UInt64, _ random: inout SyntheticRandom
  ) {
    let card = UInt32(truncatingIfNeeded: cards.draw(random.next()))
    let bits = random.next()
    let merchant = UInt32((bits & 0xFFFF_FFFF) * UInt64(Self.merchantCount) >> 32)
    // A card mostly keeps to one device.
    let device =
      bits >> 32 & 15 != 0
      ? card % UInt32(Self.deviceCount) : UInt32((bits >> 36 & 0xFFFF) * UInt64(Self.deviceCount) >> 16)
    let jitter = Int64(truncatingIfNeeded: (bits >> 40 & 0xFFFF) &* UInt64(jitterMilliseconds + 1) >> 16)
    record.storeBytes(of: (instant - jitter).littleEndian, toByteOffset: 8, as: Int64.self)
    record.storeBytes(of: amounts[Int(bits >> 52)].littleEndian, toByteOffset: 16, as: Int64.self)
    let country = Self.countries[Int(card & 7)]
    record.storeBytes(of: country.littleEndian, toByteOffset: 24, as: UInt16.self)
    record.storeBytes(of: Self.categories[Int(merchant & 15)].littleEndian, toByteOffset: 26, as: UInt16.self)
    put(UInt32(truncatingIfNeeded: counter >> 32), record + Self.idAt + 8)
    put(UInt32(truncatingIfNeeded: counter), record + Self.idAt + 16)
    // Odd factors are bijections of 32 bits: unlike indexes give unlike tokens.
    let token = card &* 0x9E37_79B1
    put(token, record + Self.cardAt + 2)
    put(token, record + Self.customerAt + 2)
    put(merchant &* 0x85EB_CA6B, record + Self.merchantAt + 2)
    put(merchant &* 0xC2B2_AE35, record + Self.terminalAt + 2)
    put(device &* 0x27D4_EB2F, record + Self.deviceAt + 2)
    record.storeBytes(of: (0x0B00_0000 | card & 0xFF_FFFF).bigEndian, toByteOffset: Self.ipAt, as: UInt32.self)
  }

  @inline(__always) private func put(_ value: UInt32, _ at: UnsafeMutableRawPointer) {
    at.storeBytes(of: TextCursor.hexadecimal(value).littleEndian, as: UInt64.self)
  }

  private static let countries: [UInt16] = ["DE", "FR", "ES", "IT", "NL", "GB", "AT", "PL"].map { Country($0)!.code }
  private static let categories: [UInt16] = (0..<16).map { SyntheticCategory.all[$0].mcc }
}
