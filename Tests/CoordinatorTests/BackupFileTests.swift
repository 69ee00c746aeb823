import Testing
import Wire

@testable import Coordinator

/// The backup's file, and what a restore writes into a store.
@Suite struct BackupFileTests {
  private func sample() -> BackupFile {
    let cluster = TestCluster(workers: 3)
    let bundle: [UInt8] = [1, 2, 3]
    cluster.store.entries[.bundle(BundleID(contents: bundle))] = .init(value: bundle, revision: 2)
    return BackupFile(cluster.store, cluster: cluster.core.state.cluster, takenAt: 1_790_000_000_000)
  }

  @Test func `it has its golden bytes, and comes back as it was`() throws {
    let bytes = sample().bytes
    try GoldenFile.check("coordinator-backup", bytes)
    #expect(try BackupFile(reading: bytes, place: "f") == sample())
  }

  @Test func `a file that was cut or changed anywhere is refused`() {
    let bytes = sample().bytes
    for length in stride(from: 0, to: bytes.count, by: 3) {
      #expect(throws: MetadataStoreError.self) { _ = try BackupFile(reading: Array(bytes[..<length]), place: "f") }
    }
    for position in bytes.indices {
      var changed = bytes
      changed[position] ^= 0x10
      #expect(throws: MetadataStoreError.self) { _ = try BackupFile(reading: changed, place: "f") }
    }
  }

  @Test func `bundles come without contents from a running coordinator, and are put in`() throws {
    let cluster = TestCluster(workers: 3)
    let bundle: [UInt8] = [1, 2, 3]
    let id = BundleID(contents: bundle)
    cluster.step(.request(SessionID(900), correlation: 7, .publish(PublishBundle(bundle: id, step: .store, contents: bundle))))
    cluster.actions = []
    cluster.step(.request(SessionID(900), correlation: 8, .backup))
    let content = try #require(cluster.takeAnswers().compactMap { if case .backup(let content) = $0 { content } else { nil } }.first)
    var file = try BackupFile(reading: content.file, place: "f")
    #expect(file.emptyBundles == [id])
    file.put(id, bundle)
    #expect(file.emptyBundles.isEmpty && file.contents == cluster.store)
  }

  @Test func `a state written out again is the store's contents`() throws {
    let cluster = TestCluster(workers: 3, partitions: 4)
    cluster.start(.drain(cluster.node("w1")))
    cluster.pass(200, beating: ["w1", "w2", "w3"])
    #expect(cluster.core.state.snapshot == cluster.store)
    #expect(try ClusterState(cluster.core.state.snapshot) == cluster.core.state)
  }

  @Test func `a restore goes on above everything that the backup and the store have given`() throws {
    let cluster = TestCluster(workers: 3)
    let backup = BackupFile(cluster.store, cluster: cluster.core.state.cluster, takenAt: 5)
    cluster.start(.drain(cluster.node("w1")))
    cluster.pass(2_000, beating: ["w1", "w2", "w3"])
    let first = try Restoration(backup, over: cluster.store, by: "ada", reason: "disk lost", wall: 9)
    var store = cluster.store
    store.apply(first.transaction)
    let state = try ClusterState(store)
    #expect(first.restores == 1 && state.cluster.restores == 1 && state.restore?.isOpen == true && state.restore?.takenAt == 5)
    #expect(state.revision >= 1 << 40 && state.revision > cluster.store.revision)
    #expect(state.nextPartition.rawValue >= 1 << 20 && state.nextTransfer.rawValue >= 1 << 40)
    #expect(state.openOperations.isEmpty, "nothing is gone on with")
    #expect(state.audit.last?.who == "ada" && state.audit.last?.what.contains("disk lost") == true)
    #expect(AuditRecord.firstBroken(state.audit) == nil)
    #expect(state.audit.count > cluster.core.state.audit.count, "what operators did since the backup stays on record")
    #expect(state.node(named: "w1")?.draining == false)
    // Again, from the same backup.
    let second = try Restoration(backup, over: store, by: "ada", reason: "again", wall: 10)
    #expect(second.restores == 2)
  }

  @Test func `a backup of another cluster is refused`() throws {
    let cluster = TestCluster(workers: 3)
    var other = MetadataSnapshot()
    other.apply(ClusterState.founding(ClusterRecord(id: ClusterID(high: 5, low: 5), name: "test"), ClusterSettings()))
    let backup = BackupFile(cluster.store, cluster: cluster.core.state.cluster, takenAt: 5)
    #expect(throws: MetadataStoreError.self) { _ = try Restoration(backup, over: other, by: "a", reason: "r", wall: 1) }
  }
}
