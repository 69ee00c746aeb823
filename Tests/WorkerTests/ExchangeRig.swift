import Wire

@testable import Worker

/// What the tests of the exchange's cores are made of.
enum ExchangeRig {
  static let everything = KeyRange.tiles(1)[0]
  static let home = PartitionID(1)
  static let target = PartitionID(5)
  static let bundle = BundleID(high: 5, low: 6)

  static func slots(_ kinds: [EntityKind]) -> EntitySlots { EntitySlots(kinds.map { EntitySlots(EntitySlot($0)) }) }

  static func transaction(_ id: String) -> [UInt8] {
    var builder = TransactionBuilder()
    builder.id = Array(id.utf8)
    builder.card = Array("card-1".utf8)
    builder.terminal = Array("t-\(id)".utf8)
    builder.device = Array("d-\(id)".utf8)
    var bytes: [UInt8] = []
    builder.append(to: &bytes)
    return bytes
  }

  static func key(_ id: String, _ kind: EntityKind) -> KeyHash {
    let bytes = transaction(id)
    return TransactionView(trusted: bytes.span.bytes).key(EntitySlot(kind))
  }

  static func item(_ offset: UInt64, _ id: String, _ kinds: [EntityKind]) -> ContributionItem {
    ContributionItem(offset: Offset(offset), slots: slots(kinds), transaction: transaction(id))
  }

  static func intake(_ offset: UInt64, _ id: String, _ kinds: [EntityKind]) -> HomeLedger.Intake {
    .init(
      offset: Offset(offset), bundle: 0, owed: slots(kinds), pending: .init(row: [1, 2.5], flags: .warming), transaction: transaction(id))
  }

  static func member(_ node: UInt32) -> Member { Member(node: NodeID(node), storage: .none, incarnation: Incarnation(1)) }

  /// Each contribution is answered by its slot's number and its transaction's length.
  static func apply(_ record: ContributionsRecord, to ledger: inout EntityLedger, end: UInt64 = 1) {
    ledger.apply(record, end: Offset(end)) { transaction, slot, _, _, values in
      values.append(Double(slot.rawValue))
      values.append(Double(transaction.length))
      return 0
    }
  }

  static func record(
    _ items: [ContributionItem], home: PartitionID = home, settled: UInt64 = 0, map: UInt64 = 1, range: KeyRange = everything
  ) -> ContributionsRecord {
    ContributionsRecord(home: home, settled: Offset(settled), map: MapVersion(map), range: range, bundle: bundle, items: items)
  }

  static func contributions(
    _ items: [ContributionItem], home: PartitionID = home, settled: UInt64 = 0, epoch: UInt64 = 1
  ) -> Contributions {
    Contributions(
      home: home, homeEpoch: Epoch(1), target: target, targetEpoch: Epoch(epoch), sender: NodeID(1), senderIncarnation: Incarnation(1),
      settled: Offset(settled), bundle: bundle, items: items)
  }
}
