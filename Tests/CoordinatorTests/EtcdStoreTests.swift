import Foundation
import Testing
import Wire

@testable import Coordinator

/// What is true of the store in etcd alone.
@Suite(.serialized) struct EtcdStoreTests {
  private static func put(_ key: String, _ value: UInt8, at revision: UInt64) -> MetadataTransaction {
    var transaction = MetadataTransaction()
    transaction.replace(MetadataKey(key), at: revision, with: [value])
    return transaction
  }

  @Test func `R1: one leads, and when its lease is gone it writes nothing any more, whatever it has in hand`() async throws {
    let prefix = EtcdProcess.prefix()
    let first = try #require(try await EtcdProcess.shared.lead(prefix))
    #expect(try await EtcdProcess.shared.lead(prefix, name: "c2") == nil, "another leads")
    #expect(try await first.commit(Self.put("a", 1, at: 0)) == 1)
    let election = EtcdElection(first.client, prefix: prefix, leaseSeconds: 60)
    await election.revoke(first.term.lease)
    let second = try #require(try await EtcdProcess.shared.lead(prefix, name: "c2"))
    let error = await #expect(throws: MetadataStoreError.self) { _ = try await first.commit(Self.put("a", 2, at: 1)) }
    #expect(error?.code == .deposed)
    #expect(first.term.isOver)
    #expect(try await second.load().entries[MetadataKey("a")] == .init(value: [1], revision: 1))
    #expect(try await second.commit(Self.put("a", 3, at: 1)) == 2)
    // Nor does it publish or read as if it led.
    let bundle = MetadataTransaction(puts: [.init(key: .bundle(BundleID(high: 3, low: 4)), value: [1, 2])])
    await #expect(throws: MetadataStoreError.self) { _ = try await first.commit(bundle) }
    await #expect(throws: MetadataStoreError.self) { _ = try await first.load() }
  }

  @Test func `a commit whose answer is lost is looked up, and counts once`() async throws {
    let prefix = EtcdProcess.prefix()
    let lossy = LossyGateway(try EtcdProcess.shared.client())
    let store = try #require(try await EtcdProcess.shared.lead(prefix, through: lossy))
    _ = try await store.load()
    for number in 1...20 as ClosedRange<UInt64> {
      lossy.lose([.answer, .request, .answerAndRepeatLater])
      #expect(try await store.commit(Self.put("a", UInt8(number), at: number - 1)) == number)
    }
    #expect(try await store.load().revision == 20)
  }

  @Test func `an etcd that somebody else writes to is noticed and read again`() async throws {
    let prefix = EtcdProcess.prefix()
    let store = try #require(try await EtcdProcess.shared.lead(prefix))
    #expect(try await store.commit(Self.put("a", 1, at: 0)) == 1)
    let keys = EtcdKeys(prefix: prefix)
    let meddling = EtcdTransaction(
      compare: [], success: [.put(EtcdPutRequest(keys.head, MetadataHead(revision: 9, term: 1, sequence: 1).encoded))], failure: [])
    let _: EtcdTransactionResponse = try await store.client.call("/v3/kv/txn", meddling)
    #expect(try await store.commit(Self.put("a", 2, at: 1)) == nil)
    #expect(try await store.load().revision == 9)
    #expect(try await store.commit(Self.put("a", 2, at: 1)) == 10)
  }

  @Test func `a change that etcd would not take is refused before it is sent`() async throws {
    let store = try #require(try await EtcdProcess.shared.lead(EtcdProcess.prefix()))
    let large = MetadataTransaction(puts: [.init(key: MetadataKey("large"), value: [UInt8](repeating: 1, count: 1_500_000))])
    let error = await #expect(throws: MetadataStoreError.self) { _ = try await store.commit(large) }
    #expect(error?.code == .full)
  }

  @Test func `pages and heads have their golden bytes, and damaged ones are refused`() throws {
    var page = MetadataPage()
    page.entries[MetadataKey("partition/0000000007")] = .init(value: [1, 2, 3], revision: 258)
    page.entries[MetadataKey("partition/0000000071")] = .init(value: [], revision: 1)
    let head = MetadataHead(revision: 300, term: 77, sequence: 5)
    let manifest = ChunkManifest(size: 5_000_000)
    for (name, bytes) in [("metadata-page", page.bytes), ("metadata-head", head.encoded), ("chunk-manifest", manifest.encoded)] {
      try GoldenFile.check(name, bytes)
      let read = { (bytes: [UInt8]) in
        switch name {
        case "metadata-page": _ = try MetadataPage(reading: bytes.span.bytes)
        case "metadata-head": _ = try MetadataHead(reading: bytes.span.bytes)
        default: _ = try ChunkManifest(reading: bytes.span.bytes)
        }
      }
      try read(bytes)
      for length in 0..<bytes.count { #expect(throws: WireError.self) { try read(Array(bytes[..<length])) } }
      #expect(throws: WireError.self) { try read(bytes + [0]) }
    }
    #expect(try MetadataPage(reading: page.bytes.span.bytes) == page)
  }

  @Test func `whatever changes together fits into one transaction of etcd's`() {
    var pages: Set<String> = ["cluster", "settings", "rollout"]
    for number in 1...20_000 as ClosedRange<UInt32> {
      for key in [
        MetadataKey.partition(PartitionID(number)), .node(NodeID(number)), .bundle(BundleID(high: UInt64(number) << 40, low: 1)),
        MetadataKey("operation/\(number)"), MetadataKey("transfer/\(number)"),
      ] { pages.insert(MetadataPage.name(of: key)) }
    }
    #expect(pages.count <= EtcdLimit.operations, "\(pages.count)")
  }
}

/// Golden bytes as the other suites keep them.
enum GoldenFile {
  static func check(_ name: String, _ bytes: [UInt8]) throws {
    let path = String(#filePath.dropLast("CoordinatorTests/EtcdStoreTests.swift".count)) + "Golden/\(name).hex"
    let found = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\n"
    if !FileManager.default.fileExists(atPath: path), ProcessInfo.processInfo.environment["UPDATE"] == "1" {
      try found.write(toFile: path, atomically: true, encoding: .utf8)
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == found, "\(name): the encoding differs from its golden bytes")
  }
}
