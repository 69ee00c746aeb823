import Wire

/// Transactions for tests.
enum Rows {
  static func record(_ id: String, card: String, amount: Int64 = 100) -> [UInt8] {
    var builder = TransactionBuilder()
    builder.eventTime = 1_790_000_000_000
    builder.amount = amount
    builder.currency = .euro
    builder.id = Array(id.utf8)
    builder.card = Array(card.utf8)
    var out: [UInt8] = []
    builder.append(to: &out)
    return out
  }

  static func key(_ card: String) -> KeyHash {
    let bytes = Array(card.utf8)
    return KeyHash(of: bytes.span.bytes, kind: .card)
  }

  /// One NDJSON line of a transaction.
  static func line(_ id: String, card: String) -> String {
    #"{"transaction_id":"\#(id)","event_time":"2026-11-21T07:00:00Z","amount":12.5,"currency":"EUR","card":"\#(card)"}"#
      + "\n"
  }

  static func text(_ span: RawSpan) -> String { span.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}

extension ClusterMap {
  /// `primaries`: one a partition, which tile the key space; nil for a partition without one.
  static func test(
    version: UInt64, nodes: [NodeID: String], primaries: [NodeID?], gone: Set<NodeID> = []
  ) -> ClusterMap {
    let records = nodes.sorted { $0.key < $1.key }.map { id, address in
      NodeRecord(
        id: id, name: "worker-\(id.rawValue)", address: address, storage: StorageID(high: 1, low: UInt64(id.rawValue)),
        incarnation: Incarnation(1), state: gone.contains(id) ? .gone : .alive)
    }
    let tiles = KeyRange.tiles(primaries.count)
    let all = records.map(\.id)
    let partitions = primaries.enumerated().map { index, primary in
      let member = primary.map { node in records.first { $0.id == node }!.member }
      return PartitionRecord(
        id: PartitionID(UInt32(index + 1)), range: tiles[index], epoch: Epoch(1), version: RecordVersion(1),
        primary: member, isr: member.map { [$0] } ?? [], replicas: all)
    }
    return ClusterMap(
      cluster: ClusterID(high: 0xA55A, low: 1), version: MapVersion(version),
      settings: ClusterSettings(replicas: 1, minInSync: 1), nodes: records, partitions: partitions)
  }
}
