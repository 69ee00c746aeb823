import DequeModule
import Wire

extension EntityLedger {
  /// Bounds what a snapshot may say, before anything is allocated.
  static let homesMax = 65_536
  static let marksMax = 65_536
  static let keptMax = 8 * 65_536

  /// ```
  /// u64 forgotten at (map version)  u32 homes, then each in rising order:
  ///   u32 partition  u64 admitted at (map version)
  ///   u32 marks, each: u64 first key, u64 last key, u64 settled
  ///   u32 replies, each: u64 offset, u8 slot, u8 flags, u16 values, u64 key, f64 each
  /// ```
  /// Everything in it has committed.
  public func write(to out: inout WireWriter) {
    out.write(forgottenAt.rawValue)
    out.write(UInt32(accounts.count))
    for home in homes {
      let account = accounts[home]!
      out.write(home.rawValue)
      out.write(account.admittedAt.rawValue)
      out.write(UInt32(account.marks.count))
      for mark in account.marks {
        out.write(mark.range.first.rawValue)
        out.write(mark.range.last.rawValue)
        out.write(mark.settled.rawValue)
      }
      out.write(UInt32(account.kept.count))
      for reply in account.kept {
        out.write(reply.offset.rawValue)
        out.write(reply.slot.rawValue)
        out.write(reply.flags)
        out.write(UInt16(reply.values.count))
        out.write(reply.key.rawValue)
        for value in reply.values { out.write(value) }
      }
    }
  }

  @_lifetime(reader: copy reader)
  public init(from reader: inout WireReader) throws(WireError) {
    self.init()
    forgottenAt = MapVersion(try reader.read(UInt64.self))
    var last: PartitionID?
    for _ in 0..<(try reader.readCount(itemSize: 20, limit: Self.homesMax)) {
      let at = reader.position
      let home = PartitionID(try reader.read(UInt32.self))
      if let last, home <= last { throw .invalid(at: at, "homes are out of order") }
      last = home
      accounts[home] = try Account(from: &reader)
    }
  }

  /// What is known of the homes, in parts of about `aim` bytes, but for homes that are larger; at least one.
  func parts(_ aim: Int) -> [EntityLedger] {
    var parts = [EntityLedger()]
    var bytes = 0
    for home in homes {
      if bytes >= aim {
        parts.append(EntityLedger())
        bytes = 0
      }
      let account = accounts[home]!
      parts[parts.count - 1].accounts[home] = account
      bytes += account.kept.reduce(64 + account.marks.count * 24) { $0 + 20 + $1.values.count * 8 }
    }
    for part in parts.indices { parts[part].forgottenAt = forgottenAt }
    return parts
  }

  /// Takes the next part; answers whether it is the next.
  mutating func append(_ part: EntityLedger) -> Bool {
    if let first = part.homes.first, let last = homes.last, first <= last { return false }
    accounts.merge(part.accounts) { _, new in new }
    forgottenAt = max(forgottenAt, part.forgottenAt)
    return true
  }

  /// Equal for replicas that applied the same entries.
  public func digest() -> UInt64 {
    var out = WireWriter()
    write(to: &out)
    return out.bytes.withUnsafeBytes { hash64($0, seed: 0) }
  }
}

extension EntityLedger.Account {
  @_lifetime(reader: copy reader)
  fileprivate init(from reader: inout WireReader) throws(WireError) {
    let admittedAt = MapVersion(try reader.read(UInt64.self))
    var marks: [EntityLedger.Mark] = []
    for _ in 0..<(try reader.readCount(itemSize: 24, limit: EntityLedger.marksMax)) {
      let at = reader.position
      let (first, last) = (try reader.read(UInt64.self), try reader.read(UInt64.self))
      let settled = Offset(try reader.read(UInt64.self))
      guard first <= last, marks.last.map({ $0.range.last.rawValue < first }) ?? true else { throw .invalid(at: at, "ranges overlap") }
      marks.append(
        .init(range: KeyRange(first: KeyHash(first), last: KeyHash(last)), settled: planted(.restoreWithoutMarks) ? .zero : settled))
    }
    guard !marks.isEmpty else { throw .invalid(at: reader.position, "a home is known for no key") }
    self.init(marks: marks, admittedAt: admittedAt)
    for _ in 0..<(try reader.readCount(itemSize: 20, limit: EntityLedger.keptMax)) {
      let at = reader.position
      let offset = Offset(try reader.read(UInt64.self))
      guard let slot = EntitySlot(rawValue: try reader.read(UInt8.self)) else { throw .invalid(at: at + 8, "no such entity") }
      let flags = try reader.read(UInt8.self)
      let count = Int(try reader.read(UInt16.self))
      let key = KeyHash(try reader.read(UInt64.self))
      guard reader.remaining >= count * 8 else { throw .truncated(at: reader.position, needed: count * 8 - reader.remaining) }
      var values: [Double] = []
      values.reserveCapacity(count)
      for _ in 0..<count { values.append(try reader.readDouble()) }
      if let last = kept.last, (last.offset, last.slot) >= (offset, slot) { throw .invalid(at: at, "replies are out of order") }
      kept.append(.init(offset: offset, slot: slot, key: key, flags: flags, values: values[...], end: .zero))
    }
  }
}
