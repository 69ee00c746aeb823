import Wire

/// One transaction of the synthetic world before it is written: who, where, how much.
struct SyntheticEvent: Sendable {
  enum Shop: Sendable {
    case terminal(Int)
    case online(Int)
  }

  var instant: Int64
  var card: UInt32
  var customer: UInt32
  var shop: Shop
  /// Minor units.
  var amount: Int64
  var channel: Channel
  var entryMode: EntryMode
  /// Number of the device, 0 where none is seen.
  var device: UInt64
  /// IPv4 address, 0 where none is seen.
  var ip: UInt32
  var pattern: FraudPattern?
}

extension SyntheticWorld {
  /// Number of a customer's own device.
  func device(of customer: Int, _ choice: Int) -> UInt64 {
    let count = Int(customers[customer].deviceCount)
    return SyntheticRandom.hash(seed, UInt64(customer) &* 64 &+ UInt64(choice % count), 5) | 1
  }

  /// A customer's address at home.
  func homeAddress(of customer: Int) -> UInt32 {
    address(at: Int(customers[customer].home), SyntheticRandom.hash(seed, UInt64(customer), 6))
  }

  /// Some address of a place: each has one block of 2^24 addresses from 11.0.0.0 on.
  func address(at place: Int, _ bits: UInt64) -> UInt32 {
    UInt32(11 + place) << 24 | UInt32(truncatingIfNeeded: bits) & 0x00FF_FFFF
  }

  /// Writes an event's fields; the id is left to the caller.
  func fill(_ builder: inout TransactionBuilder, from event: SyntheticEvent, currency: Currency) {
    builder.reset()
    builder.eventTime = event.instant
    builder.amount = event.amount
    builder.currency = currency
    builder.channel = event.channel
    builder.entryMode = event.entryMode
    write("c_", UInt64(event.card), 10, to: &builder.card)
    write("u_", UInt64(event.customer), 11, to: &builder.customer)
    switch event.shop {
    case .terminal(let terminal):
      let shop = terminal / Self.terminalsAShop
      write("m_", UInt64(shop), 12, to: &builder.merchant)
      write("t_", UInt64(terminal), 13, to: &builder.terminal)
      builder.mcc = category(ofTerminal: terminal).mcc
      builder.country = SyntheticPlace.all[place(ofTerminal: terminal)].country
    case .online(let shop):
      write("m_", UInt64(shop) | 1 << 40, 12, to: &builder.merchant)
      builder.mcc = category(ofShopOnline: shop).mcc
      builder.country = SyntheticPlace.all[Int(onlineHomes[shop])].country
    }
    if event.device != 0 { write("d_", event.device, 14, to: &builder.device) }
    if event.ip != 0 { withUnsafeBytes(of: event.ip.bigEndian) { builder.ip.append(contentsOf: $0) } }
  }

  func place(ofTerminal terminal: Int) -> Int {
    var low = 0
    var high = terminalStarts.count - 1
    while high - low > 1 {
      let middle = (low + high) / 2
      if terminalStarts[middle] <= terminal { low = middle } else { high = middle }
    }
    return low
  }

  /// A token: its prefix and 16 hexadecimal digits that look like a keyed hash.
  private func write(_ prefix: StaticString, _ index: UInt64, _ purpose: UInt64, to out: inout [UInt8]) {
    out.appendText(bound: 24) {
      $0.put(prefix)
      $0.put(hexadecimal: SyntheticRandom.hash(seed, index, purpose))
    }
  }
}
