import Glibc
import Testing
import Wire

@testable import Worker

@Suite struct DataDirectoryTests {
  static let cluster = ClusterID(high: 1, low: 2)

  private func open(
    _ path: String, cluster: ClusterID = cluster, seed: UInt64 = 100, countUncleanAsNew: Bool = false,
    system: FileSystem = .posix
  ) throws -> DataDirectory {
    var next = seed
    return try DataDirectory.open(path: path, cluster: cluster, countUncleanAsNew: countUncleanAsNew, system: system) {
      next += 1
      return next
    }
  }

  @Test func everyOpenRaisesTheIncarnationAndKeepsTheStorage() throws {
    let temporary = TemporaryDirectory()
    for round in 1...5 as ClosedRange<UInt64> {
      let directory = try open(temporary.path + "/data", seed: round * 1000)
      #expect(directory.identity.incarnation == Incarnation(round))
      #expect(directory.identity.storage == StorageID(high: 1001, low: 1002))
      #expect(directory.found == (round == 1 ? .new : .unclean))
      directory.close()
    }
  }

  @Test func aCleanShutdownIsSeenOnceOnly() throws {
    let temporary = TemporaryDirectory()
    let first = try open(temporary.path)
    try first.assign(node: NodeID(4))
    try first.markClean()
    first.close()
    let second = try open(temporary.path)
    #expect(second.found == .clean && second.identity.node == NodeID(4))
    second.close()
    #expect(try open(temporary.path).found == .unclean)
  }

  @Test func distrustedStorageComesBackUnderANewIdAndEmpty() throws {
    let temporary = TemporaryDirectory()
    let first = try open(temporary.path)
    first.roles.put(PartitionID(1), [1])
    try first.roles.sync()
    let old = first.identity.storage
    try first.distrust(reason: "fdatasync\nfailed")
    // A distrusted storage stays distrusted, however the process ends.
    try first.markClean()
    first.close()

    let second = try open(temporary.path, seed: 500)
    #expect(second.found == .distrusted(reason: "fdatasync failed", previous: old))
    #expect(second.identity.storage == StorageID(high: 501, low: 502) && second.identity.incarnation == Incarnation(2))
    #expect(second.roles.get(PartitionID(1)) == nil)
    #expect(try FileSystem.posix.contents(DataDirectory.storagePath(temporary.path, old) + "/roles") != nil)
    second.close()
    #expect(try open(temporary.path, seed: 900).identity.storage == StorageID(high: 501, low: 502))
  }

  @Test func uncleanStorageIsNewWhereTheCallerAsksForIt() throws {
    let temporary = TemporaryDirectory()
    let first = try open(temporary.path)
    first.close()
    let second = try open(temporary.path, seed: 500, countUncleanAsNew: true)
    #expect(second.identity.storage != first.identity.storage)
    try second.markClean()
    second.close()
    #expect(try open(temporary.path, seed: 900, countUncleanAsNew: true).identity.storage == second.identity.storage)
  }

  @Test func aSecondProcessIsToldWhoHoldsTheDirectory() throws {
    let temporary = TemporaryDirectory()
    let first = try open(temporary.path)
    #expect(throws: DataDirectoryError.inUse(path: temporary.path, process: getpid())) { try open(temporary.path) }
    first.close()
    #expect(try open(temporary.path).identity.incarnation == Incarnation(2))
  }

  @Test func anotherClustersDirectoryIsRefusedAndLeftAlone() throws {
    let temporary = TemporaryDirectory()
    try open(temporary.path).close()
    let before = try temporary.contents("identity")
    let other = ClusterID(high: 9, low: 9)
    #expect(throws: DataDirectoryError.otherCluster(path: temporary.path, its: Self.cluster, ours: other)) {
      try open(temporary.path, cluster: other)
    }
    #expect(try temporary.contents("identity") == before)
  }

  @Test func aNodesNumberNeverChanges() throws {
    let temporary = TemporaryDirectory()
    let directory = try open(temporary.path)
    try directory.assign(node: NodeID(4))
    try directory.assign(node: NodeID(4))
    #expect(throws: DataDirectoryError.self) { try directory.assign(node: NodeID(5)) }
    try directory.raiseIncarnation(above: Incarnation(41))
    try directory.raiseIncarnation(above: Incarnation(7))
    #expect(directory.identity.incarnation == Incarnation(42))
    directory.close()
    #expect(try open(temporary.path).identity.incarnation == Incarnation(43))
  }

  @Test func aDamagedIdentityIsRefusedAtEveryByte() throws {
    let temporary = TemporaryDirectory()
    let directory = try open(temporary.path)
    try directory.assign(node: NodeID(1234))
    directory.close()
    let good = try temporary.contents("identity")
    for index in good.indices {
      var bad = good
      bad[index] ^= 0x10
      #expect(throws: DirectoryIdentityError.self) { try DirectoryIdentity(reading: bad) }
      #expect(throws: DirectoryIdentityError.self) { try DirectoryIdentity(reading: Array(good[..<index])) }
    }
    try temporary.write("identity", Array(good.dropLast()))
    #expect(throws: DataDirectoryError.self) { try open(temporary.path) }
    unlink(temporary.path + "/identity")
    // Data without an identity is not taken for a new directory.
    try directory.roles.sync()
    directory.roles.put(PartitionID(1), [1])
    try directory.roles.sync()
    #expect(throws: DataDirectoryError.identityMissing(path: temporary.path)) { try open(temporary.path) }
  }

  @Test func aKillAtAnyStepOfAnOpenNeverTakesAnIncarnationBack() throws {
    var step = 0
    var finished = false
    while !finished {
      let temporary = TemporaryDirectory()
      try open(temporary.path).close()
      var seen = UInt64(1)
      let crash = CrashingFiles(after: step)
      if let directory = try? open(temporary.path, system: crash.system) {
        seen = directory.identity.incarnation.rawValue
        directory.close()
        finished = !crash.hasCrashed
      }
      let next = try open(temporary.path)
      #expect(next.identity.incarnation.rawValue > seen && next.identity.storage == StorageID(high: 101, low: 102))
      next.close()
      step += 1
    }
    #expect(step > 5)
  }

  @Test func roleFactsThatWereSyncedSurviveAKillAtAnyStep() throws {
    var step = 0
    var finished = false
    while !finished {
      let temporary = TemporaryDirectory()
      var promised: UInt8 = 0
      let crash = CrashingFiles(after: step)
      if let store = try? RolesStore.open(in: temporary.path, system: crash.system) {
        for value in 1...3 as ClosedRange<UInt8> {
          store.put(PartitionID(9), [value])
          guard (try? store.sync()) != nil else { break }
          promised = value
        }
        finished = !crash.hasCrashed
      }
      let found = try RolesStore.open(in: temporary.path, system: .posix).get(PartitionID(9))?.first ?? 0
      #expect(found >= promised)
      step += 1
    }
    #expect(step > 10)
  }

  @Test func roleFactsAreRefusedDamagedAtEveryByte() throws {
    var facts = RoleFacts()
    facts.facts = [
      PartitionID(3): [1, 2, 3], PartitionID(70_000): [], PartitionID(4): Array(repeating: 9, count: 100),
    ]
    let good = facts.bytes
    #expect(try RoleFacts(reading: good) == facts)
    for index in good.indices {
      var bad = good
      bad[index] ^= 1
      #expect(throws: WireError.self) { try RoleFacts(reading: bad) }
      #expect(throws: WireError.self) { try RoleFacts(reading: Array(good[..<index])) }
    }
  }
}
