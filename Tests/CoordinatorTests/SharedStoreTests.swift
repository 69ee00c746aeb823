import Foundation
import Testing
import Wire

@testable import Coordinator

/// What every metadata store must do, asked of each of them.
@Suite(.serialized) struct SharedStoreTests {
  enum Kind: CaseIterable, Sendable { case embedded, etcd }

  /// A place that a store can be opened on again and again.
  final class Place {
    let kind: Kind
    let directory = NSTemporaryDirectory() + "assay-store-\(UUID().uuidString)"
    let prefix = EtcdProcess.prefix()

    init(_ kind: Kind) { self.kind = kind }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func open() async throws -> any MetadataStore {
      switch kind {
      case .embedded:
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        return try EmbeddedStore(directory: directory)
      case .etcd: return try #require(try await EtcdProcess.shared.lead(prefix))
      }
    }

    func close(_ store: any MetadataStore) async {
      if let store = store as? EmbeddedStore { await store.close() }
      if let store = store as? EtcdStore {
        await EtcdElection(store.client, prefix: prefix, leaseSeconds: 60).revoke(store.term.lease)
      }
    }
  }

  @Test(arguments: Kind.allCases)
  func `what has committed is there after a reopening, under the same revisions`(_ kind: Kind) async throws {
    let place = Place(kind)
    var model = MetadataSnapshot()
    for round in 0..<4 {
      let store = try await place.open()
      #expect(try await store.load() == model)
      for number in 0..<20 {
        let key = MetadataKey("node/\(number % 7)")
        var transaction = MetadataTransaction()
        transaction.replace(key, at: model.entries[key]?.revision ?? 0, with: [UInt8(round), UInt8(number)])
        if number % 5 == 0 { transaction.deletes = [MetadataKey("node/\((number + 1) % 7)")] }
        #expect(try await store.commit(transaction) == model.revision + 1)
        model.apply(transaction)
      }
      #expect(try await store.load() == model)
      await place.close(store)
    }
  }

  @Test(arguments: Kind.allCases)
  func `R1: a transaction whose condition does not hold changes nothing`(_ kind: Kind) async throws {
    let place = Place(kind)
    let store = try await place.open()
    var first = MetadataTransaction()
    first.replace(MetadataKey("a"), at: 0, with: [1])
    #expect(try await store.commit(first) == 1)
    #expect(try await store.commit(first) == nil, "the key exists now")
    var mixed = MetadataTransaction()
    mixed.replace(MetadataKey("b"), at: 0, with: [2])
    mixed.replace(MetadataKey("a"), at: 7, with: [3])
    #expect(try await store.commit(mixed) == nil)
    let snapshot = try await store.load()
    #expect(snapshot.revision == 1)
    #expect(snapshot.entries.mapValues(\.value) == [MetadataKey("a"): [1]])
    await place.close(store)
  }

  @Test(arguments: Kind.allCases)
  func `a bundle's contents are read one by one and left out of the load`(_ kind: Kind) async throws {
    let place = Place(kind)
    let store = try await place.open()
    let contents = (0..<3 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let key = MetadataKey.bundle(BundleID(high: 1, low: 2))
    let transaction = MetadataTransaction(puts: [.init(key: key, value: contents), .init(key: MetadataKey("bundles"), value: [1])])
    #expect(try await store.commit(transaction) == 1)
    let snapshot = try await store.load()
    #expect(snapshot.entries[key] == .init(value: [], revision: 1))
    #expect(snapshot.entries[MetadataKey("bundles")]?.value == [1])
    #expect(try await store.value(of: key) == contents)
    #expect(try await store.value(of: MetadataKey("none")) == nil)
    _ = try await store.commit(MetadataTransaction(deletes: [key]))
    #expect(try await store.value(of: key) == nil)
    await place.close(store)
  }

  @Test(arguments: Kind.allCases, [64, 1_024, EtcdLimit.partitions])
  func `every partition and node of a cluster changes in one transaction`(_ kind: Kind, partitions: Int) async throws {
    let place = Place(kind)
    let store = try await place.open()
    let member = { (node: UInt32) in Member(node: NodeID(node), storage: StorageID(high: 9, low: UInt64(node)), incarnation: Incarnation(1))
    }
    var transaction = MetadataTransaction()
    for (index, range) in KeyRange.tiles(partitions).enumerated() {
      let record = PartitionRecord(
        id: PartitionID(UInt32(index + 1)), range: range, epoch: Epoch(1), version: RecordVersion(1), primary: member(1),
        isr: (1...7).map { member(UInt32($0)) }, replicas: (1...7).map { NodeID(UInt32($0)) })
      transaction.replace(.partition(record.id), at: 0, with: record.encoded)
    }
    for id in 1...1_024 as ClosedRange<UInt32> { transaction.replace(.node(NodeID(id)), at: 0, with: [UInt8](repeating: 1, count: 120)) }
    #expect(try await store.commit(transaction) == 1)
    var again = MetadataTransaction()
    for put in transaction.puts { again.replace(put.key, at: 1, with: put.value) }
    #expect(try await store.commit(again) == 2)
    var model = MetadataSnapshot()
    model.apply(transaction)
    model.apply(again)
    #expect(try await store.load() == model)
    await place.close(store)
  }
}
