import Testing
import Wire

@testable import Coordinator

/// Hot items of lists in the coordinator's store.
@Suite struct ListTests {
  static let admin = SessionID(500)

  static func edit(
    _ cluster: TestCluster, _ item: String, _ operation: ListItem.Operation = .add, reason: String = "attack"
  ) -> Result<UInt64, Failure>? {
    let edit = EditList(list: "cards", item: item, operation: operation, reason: reason)
    cluster.step(.request(admin, correlation: 5, .editList(edit, by: "ada")))
    return cluster.takeAnswers().compactMap { answer -> Result<UInt64, Failure>? in
      switch answer {
      case .listEdited(let edited): .success(edited.version)
      case .failure(let failure): .failure(failure)
      default: nil
      }
    }.last
  }

  static func items(_ cluster: TestCluster, since: UInt64) -> ListItems? {
    cluster.step(.request(SessionID(1), correlation: 6, .listItems(since: since)))
    return cluster.takeAnswers().compactMap { if case .listItems(let items) = $0 { items } else { nil } }.last
  }

  @Test func `versions rise, an item takes the place of the one of its text, and workers get what they lack`() throws {
    let cluster = TestCluster(workers: 1, replicas: 1, minInSync: 1)
    #expect(Self.items(cluster, since: 0)?.version == 0)
    #expect(Self.edit(cluster, "a") == .success(1))
    #expect(Self.edit(cluster, "b") == .success(2))
    #expect(Self.edit(cluster, "a", .remove) == .success(3))
    #expect(Self.items(cluster, since: 0)?.items.map(\.version) == [2, 3])
    #expect(Self.items(cluster, since: 2)?.items.map(\.item) == ["a"])
    #expect(Self.edit(cluster, "b", .drop) == .success(4))
    let delta = try #require(Self.items(cluster, since: 3))
    #expect(delta.items.map(\.operation) == [.drop] && delta.since == 3 && delta.version == 4 && delta.floor == 0)
    #expect(cluster.core.state.lists.records.map(\.item.item) == ["a"])
    cluster.beat("w1")
    let heartbeats = cluster.takeAnswers().compactMap { if case .heartbeat(let accepted) = $0 { accepted.lists } else { nil } }
    #expect(heartbeats.last == 4)
    // A coordinator that begins on this store knows the same.
    #expect(try ClusterState(cluster.store) == cluster.core.state)
    #expect(cluster.core.state.snapshot.entries.keys.sorted() == cluster.store.entries.keys.sorted())
  }

  @Test func `edits and refusals are in the audit log`() {
    let cluster = TestCluster(workers: 1, replicas: 1, minInSync: 1)
    _ = Self.edit(cluster, "a", reason: "case 7")
    guard case .failure(let failure)? = Self.edit(cluster, "b", .drop) else {
      Issue.record("there was no such item")
      return
    }
    #expect(failure.code == .notFound)
    let audit = cluster.core.state.audit
    #expect(audit.map(\.who) == ["ada", "ada"])
    #expect(audit[0].what == "add 'a' to list cards, because: case 7" && audit[0].outcome == "list version 1")
    #expect(audit[1].outcome.hasPrefix("refused: there is no hot item 'b'"))
  }

  @Test func `no more than the bound are kept, and a drop makes room`() throws {
    let cluster = TestCluster(workers: 1, replicas: 1, minInSync: 1)
    var transaction = MetadataTransaction()
    let count = 600_000 / (96 + 5 + 6 + 3 + 10)
    for number in 1...count {
      let item = ListItem(version: UInt64(number), list: "cards", item: "c\(10_000 + number)", operation: .add)
      let record = ListItemRecord(item: item, requester: "ada", reason: "ten bytes.", time: 1)
      #expect(record.encoded.count + MetadataKey.listItem(1).text.utf8.count + 14 <= 96 + 5 + 6 + 3 + 10)
      transaction.puts.append(.init(key: .listItem(item.version), value: record.encoded))
    }
    transaction.puts.append(.init(key: .listCounter, value: ListCounter(last: UInt64(count)).encoded))
    cluster.store.apply(transaction)
    cluster.restartCoordinator()
    #expect(cluster.core.state.lists.records.count == count)
    guard case .failure(let failure)? = Self.edit(cluster, "one more") else {
      Issue.record("there was no room")
      return
    }
    #expect(failure.code == .busy && !failure.isRetriable && failure.message.contains("assay list drop"))
    // One that is there may change.
    #expect(Self.edit(cluster, "c10005", .remove) == .success(UInt64(count + 1)))
    #expect(Self.edit(cluster, "c10006", .drop) == .success(UInt64(count + 2)))
    #expect(Self.edit(cluster, "c10007", .drop) == .success(UInt64(count + 3)))
    #expect(cluster.core.state.listCounter.floor == 0)
    #expect(Self.edit(cluster, "one more") == .success(UInt64(count + 4)))
    #expect(cluster.core.state.listCounter.floor == UInt64(count + 2), "one drop was room enough")
    #expect(Self.edit(cluster, "and more") == .success(UInt64(count + 5)) && cluster.core.state.listCounter.floor == UInt64(count + 3))
    #expect(try ClusterState(cluster.store) == cluster.core.state)
  }

  @Test func `drops are remembered up to a bound; whoever has missed older ones begins anew`() throws {
    let cluster = TestCluster(workers: 1, replicas: 1, minInSync: 1)
    _ = Self.edit(cluster, "stays")
    for number in 0...ListItem.droppedMax {
      _ = Self.edit(cluster, "d\(number)")
      _ = Self.edit(cluster, "d\(number)", .drop)
    }
    let last = cluster.core.state.listCounter.last
    #expect(cluster.core.state.listCounter.floor == 3 && last == UInt64(1 + 2 * (ListItem.droppedMax + 1)))
    let anew = try #require(Self.items(cluster, since: 2))
    #expect(anew.since == 0 && anew.items.first?.item == "stays")
    #expect(try #require(Self.items(cluster, since: 3)).since == 3)
    #expect(try ClusterState(cluster.store) == cluster.core.state)
  }

  @Test func `a restore keeps the backup's items, and every version after it is above all that were given (R2)`() throws {
    let cluster = TestCluster(workers: 1, replicas: 1, minInSync: 1)
    _ = Self.edit(cluster, "a")
    let backup = BackupFile(cluster.store, cluster: cluster.core.state.cluster, takenAt: 5)
    let read = try BackupFile(reading: backup.bytes, place: "b")
    _ = Self.edit(cluster, "b")
    for isLost in [false, true] {
      var store = isLost ? MetadataSnapshot() : cluster.store
      store.apply(try Restoration(read, over: store, by: "ada", reason: "test", wall: 9).transaction)
      let state = try ClusterState(store)
      #expect(state.lists.records.map(\.item.item) == ["a"])
      #expect(state.listCounter.last > 2 && state.listCounter.floor == state.listCounter.last)
      // Who has the later one begins anew.
      #expect(state.listItems(since: 2).since == 0)
    }
  }
}
