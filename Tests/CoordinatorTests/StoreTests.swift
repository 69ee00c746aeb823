import Foundation
import Testing
import Wire

@testable import Coordinator

@Suite struct StoreTests {
  let directory = NSTemporaryDirectory() + "assay-store-\(UUID().uuidString)"

  func open() throws -> SQLiteStore {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    return try SQLiteStore(directory: directory)
  }

  @Test func `what has committed is there after a reopening, under the same revisions`() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var model = MetadataSnapshot()
    for round in 0..<5 {
      let store = try open()
      #expect(try store.load() == model)
      for number in 0..<20 {
        let key = MetadataKey("node/\(number % 7)")
        var transaction = MetadataTransaction()
        transaction.replace(key, at: model.entries[key]?.revision ?? 0, with: [UInt8(round), UInt8(number)])
        if number % 5 == 0 { transaction.deletes = [MetadataKey("node/\((number + 1) % 7)")] }
        #expect(try store.commit(transaction) == model.revision + 1)
        model.apply(transaction)
      }
      store.close()
    }
  }

  @Test func `R1: a transaction whose condition does not hold changes nothing`() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let store = try open()
    var first = MetadataTransaction()
    first.replace(MetadataKey("a"), at: 0, with: [1])
    #expect(try store.commit(first) == 1)
    #expect(try store.commit(first) == nil, "the key exists now")
    var mixed = MetadataTransaction()
    mixed.replace(MetadataKey("b"), at: 0, with: [2])
    mixed.replace(MetadataKey("a"), at: 7, with: [3])
    #expect(try store.commit(mixed) == nil)
    let snapshot = try store.load()
    #expect(snapshot.revision == 1)
    #expect(snapshot.entries.mapValues(\.value) == [MetadataKey("a"): [1]])
  }

  @Test func `a bundle's contents are read one by one and left out of the load`() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let store = try open()
    let contents = [UInt8](repeating: 7, count: 3 << 20)
    let key = MetadataKey.bundle(BundleID(high: 1, low: 2))
    _ = try store.commit(MetadataTransaction(puts: [.init(key: key, value: contents), .init(key: MetadataKey("bundles"), value: [1])]))
    let snapshot = try store.load()
    #expect(snapshot.entries[key] == .init(value: [], revision: 1))
    #expect(snapshot.entries[MetadataKey("bundles")]?.value == [1])
    #expect(try store.value(of: key) == contents)
    #expect(try store.value(of: MetadataKey("none")) == nil)
  }

  @Test func `a killed process's store opens with every commit that was answered`() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let store = try open()
    for number in 0..<10 {
      var transaction = MetadataTransaction()
      transaction.replace(MetadataKey("k\(number)"), at: 0, with: [UInt8(number)])
      _ = try store.commit(transaction)
    }
    // What a kill leaves: the files as they are, with the write-ahead log not yet in the database.
    let copy = directory + "-copy"
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try FileManager.default.copyItem(atPath: directory, toPath: copy)
    #expect(try SQLiteStore(directory: copy).load() == store.load())
  }

  @Test func `a second coordinator on the same directory is told so`() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let lock = try DirectoryLock(directory)
    let error = #expect(throws: MetadataStoreError.self) { _ = try DirectoryLock(directory) }
    #expect(error?.code == .locked)
    #expect(error?.description.contains("another coordinator runs on \(directory)") == true)
    lock.release()
    _ = try DirectoryLock(directory)
  }

  @Test func `a directory can be locked again after its coordinator has ended`() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    do { _ = try DirectoryLock(directory + "/deep/er") }
    _ = try DirectoryLock(directory + "/deep/er")
  }

  @Test func `a database of another format is refused`() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try open().close()
    try SQLiteDatabase(path: directory + "/" + SQLiteStore.fileName).run("PRAGMA user_version = 99")
    let error = #expect(throws: MetadataStoreError.self) { _ = try open() }
    #expect(error?.code == .format)
    #expect(error?.description.contains("format 99") == true)
  }

  @Test func `a database of another program is refused and left alone`() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try SQLiteDatabase(path: directory + "/" + SQLiteStore.fileName).run("PRAGMA application_id = 5")
    let error = #expect(throws: MetadataStoreError.self) { _ = try open() }
    #expect(error?.code == .format)
  }

  @Test(arguments: [0, 100, 4096])
  func `a damaged database is one clear line, not a crash`(at offset: Int) throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let store = try open()
    for number in 0..<50 {
      _ = try store.commit(MetadataTransaction(puts: [.init(key: MetadataKey("k\(number)"), value: [UInt8](repeating: 1, count: 500))]))
    }
    store.close()
    let path = directory + "/" + SQLiteStore.fileName
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    for index in offset..<min(offset + 90, bytes.count) { bytes[index] = 0xA5 }
    try bytes.write(to: URL(fileURLWithPath: path))
    let error = #expect(throws: MetadataStoreError.self) { _ = try open().load() }
    #expect(error?.code == .damaged)
    #expect(error?.description.contains("\n") == false)
  }

  @Test func `a founded store gives the cluster back, and contradicting records are refused`() throws {
    let cluster = TestCluster(workers: 3, partitions: 4)
    #expect(try ClusterState(cluster.store) == cluster.core.state)
    var broken = cluster.store
    broken.entries[MetadataKey("partition/0000000002")] = nil
    let error = #expect(throws: MetadataStoreError.self) { _ = try ClusterState(broken) }
    #expect(error?.code == .damaged)
  }
}
