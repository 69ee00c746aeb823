import Testing
import Wire

@testable import Coordinator

/// After a restore of the coordinator's store (R2).
@Suite struct RestoreTests {
  private let all = ["w1", "w2", "w3"]

  /// What the workers know, as it is in the coordinator now.
  private func reports(_ cluster: TestCluster, ends: [String: UInt64] = [:]) -> [String: RecordsReport] {
    let state = cluster.core.state
    var reports: [String: RecordsReport] = [:]
    for node in state.nodes {
      let copies = state.partitions.filter { $0.replicas.contains(node.id) }.map { record in
        RecordsReport.Copy(
          partition: record.id, highestEpoch: record.epoch, logEpoch: record.epoch, logEnd: Offset(ends[node.name] ?? 100), record: record)
      }
      reports[node.name] = RecordsReport(
        member: node.member, intactSince: node.incarnation, map: MapVersion(state.revision),
        copies: copies.sorted { $0.partition < $1.partition })
    }
    return reports
  }

  private func restore(_ cluster: TestCluster, _ backup: MetadataSnapshot, isLost: Bool = false) throws {
    let file = BackupFile(backup, cluster: try ClusterState(backup).cluster, takenAt: 5)
    if isLost { cluster.store = MetadataSnapshot() }
    cluster.store.apply(try Restoration(file, over: cluster.store, by: "ada", reason: "test", wall: 9).transaction)
    cluster.restartCoordinator()
    cluster.actions = []
  }

  private func come(_ cluster: TestCluster, _ name: String, _ report: RecordsReport, storage: UInt64? = nil, claim: NodeID? = nil) {
    let session = SessionID(cluster.nextSession)
    cluster.nextSession += 1
    cluster.sessions[name] = session
    let seen = report.copies.compactMap { copy in
      copy.record.map { Join.SeenRecord(partition: copy.partition, epoch: $0.epoch, version: $0.version) }
    }
    let join = Join(
      cluster: TestCluster.id, name: name, address: "\(name):7101", storage: report.member.storage, incarnation: report.member.incarnation,
      intactSince: report.intactSince, seen: seen)
    cluster.step(.request(session, correlation: 1, .join(join, claim: claim)))
  }

  private func tell(_ cluster: TestCluster, _ name: String, _ report: RecordsReport) {
    cluster.step(.request(cluster.sessions[name]!, correlation: 0, .records(report)))
  }

  @Test func `nothing is elected before all replicas have told, and then in a later epoch, by the newest record`() throws {
    let cluster = TestCluster(workers: 3)
    let backup = cluster.store
    cluster.propose(.remove, cluster.member("w3"), from: "w1")
    let last = cluster.record
    #expect(cluster.isr == ["w1", "w2"])
    let known = reports(cluster)
    try restore(cluster, backup)
    for name in all {
      come(cluster, name, known[name]!)
      #expect(cluster.takeAnswers().contains { if case .recordsRequest = $0 { true } else { false } })
      #expect(cluster.record.primary != nil && cluster.record.epoch == last.epoch, "as the backup has it")
    }
    tell(cluster, "w1", known["w1"]!)
    tell(cluster, "w2", known["w2"]!)
    cluster.pass(3_000, beating: all)
    #expect(cluster.record.version < last.version && cluster.takeMaps().isEmpty, "w3 might know a newer one")
    #expect(cluster.core.status(cluster.now).waitingFor.first?.contains("w3") == true)
    tell(cluster, "w3", known["w3"]!)
    #expect(cluster.isr == ["w1", "w2"], "the newest record holds, not the backup's")
    #expect(cluster.record.epoch > Epoch(restore: 1, number: 0) && cluster.record.version > last.version)
    #expect(cluster.primaryName != nil && cluster.core.state.restore?.isOpen == false)
    let maps = cluster.takeMaps()
    #expect(maps.last?.version.rawValue ?? 0 > 1 << 40, "above all maps that the workers have seen")
  }

  @Test func `meanwhile proposals, bundles and operations are refused, and a map is told to be no news`() throws {
    let cluster = TestCluster(workers: 3)
    let known = reports(cluster)
    try restore(cluster, cluster.store)
    come(cluster, "w1", known["w1"]!)
    cluster.actions = []
    cluster.propose(.remove, cluster.member("w3"), from: "w1")
    #expect(cluster.takeFailure()?.isRetriable == true)
    #expect(cluster.start(.drain(cluster.node("w1"))) == nil && cluster.takeFailure()?.code == .unavailable)
    cluster.step(.request(SessionID(900), correlation: 9, .map))
    let map = try #require(cluster.takeMaps().first)
    #expect(map.version == .none)
  }

  @Test func `a partition that was split since the backup stays split, and its parent is not brought back`() throws {
    let cluster = TestCluster(workers: 3)
    let backup = cluster.store
    let middle = KeyHash(1 << 63)
    let succession = Succession(
      operation: OperationID(1), epoch: Epoch(1), parents: [PartitionID(1)],
      children: [
        .init(id: PartitionID(2), range: KeyRange(first: KeyHash(0), last: KeyHash(middle.rawValue - 1))),
        .init(id: PartitionID(3), range: KeyRange(first: middle, last: KeyHash(.max))),
      ])
    var known = reports(cluster)
    for name in all {
      let old = known[name]!.copies[0]
      var child = old.record!
      child.id = PartitionID(2)
      child.range = succession.children[0].range
      child.version = RecordVersion(1)
      known[name]!.copies = [old, .init(partition: child.id, highestEpoch: Epoch(1), logEnd: Offset(9), record: child)]
      // Of its sibling nobody has a record yet: the workers died before it came.
      known[name]!.copies.append(.init(partition: PartitionID(3), highestEpoch: .none, logEnd: Offset(1), birth: succession))
    }
    try restore(cluster, backup)
    for name in all { come(cluster, name, known[name]!) }
    for name in all { tell(cluster, name, known[name]!) }
    #expect(cluster.core.state.partitions.map(\.id) == [PartitionID(2), PartitionID(3)])
    #expect(cluster.core.state.partitions.allSatisfy { $0.primary != nil && $0.isr.count == 3 && $0.epoch > Epoch(restore: 1, number: 0) })
    #expect(cluster.core.state.nextPartition.rawValue >= 1 << 20, "no id is given twice")
  }

  @Test func `a split that nobody has heard of is not there, and its copies are told so`() throws {
    let cluster = TestCluster(workers: 3)
    let succession = Succession(
      operation: OperationID(1), epoch: Epoch(1), parents: [PartitionID(1)],
      children: [
        .init(id: PartitionID(2), range: KeyRange(first: KeyHash(0), last: KeyHash(9))),
        .init(id: PartitionID(3), range: KeyRange(first: KeyHash(10), last: KeyHash(.max))),
      ])
    var known = reports(cluster)
    for name in all {
      for child in succession.children {
        known[name]!.copies.append(.init(partition: child.id, highestEpoch: .none, logEnd: Offset(1), birth: succession))
      }
    }
    try restore(cluster, cluster.store)
    for name in all { come(cluster, name, known[name]!) }
    for name in all { tell(cluster, name, known[name]!) }
    #expect(cluster.core.state.partitions.map(\.id) == [PartitionID(1)])
    cluster.actions = []
    let report = SuccessionReport(
      member: cluster.member("w1"), succession: succession,
      parents: [.init(partition: PartitionID(1), isPrimary: true, isSealed: true, isDelivered: true)], children: [])
    cluster.step(.request(cluster.sessions["w1"]!, correlation: 0, .succession(report)))
    #expect(cluster.takeAnswers().contains { if case .succession(let command) = $0 { command.action == .abort } else { false } })
  }

  @Test func `a worker that joined after the backup keeps its number, and is waited for where the newest record names it`() throws {
    let cluster = TestCluster(workers: 3)
    let backup = cluster.store
    cluster.join("w4")
    var known = reports(cluster)
    let fourth = cluster.node("w4")
    for name in all {
      known[name]!.copies[0].record!.version = RecordVersion(20)
      known[name]!.copies[0].record!.replicas = [cluster.node("w1"), cluster.node("w2"), fourth]
      known[name]!.copies[0].record!.isr = known[name]!.copies[0].record!.isr.filter { $0.node != cluster.node("w3") }
    }
    let late = known["w4"]!
    try restore(cluster, backup)
    for name in all { come(cluster, name, known[name]!) }
    for name in all { tell(cluster, name, known[name]!) }
    #expect(cluster.core.state.restore?.isOpen == true && cluster.core.status(cluster.now).waitingFor.first?.contains("\(fourth)") == true)
    // Another new worker gets none of the numbers that may have been given.
    cluster.join("w5")
    #expect(cluster.node("w5").rawValue >= 1 << 16)
    come(cluster, "w4", late, claim: fourth)
    #expect(cluster.node("w4") == fourth)
    tell(cluster, "w4", late)
    #expect(cluster.core.state.restore?.isOpen == false && cluster.record.replicas == [cluster.node("w1"), cluster.node("w2"), fourth])
  }

  @Test func `without a worker that was given up, whoever has the latest log goes on alone`() throws {
    let cluster = TestCluster(workers: 3)
    let known = reports(cluster, ends: ["w1": 300, "w2": 200, "w3": 250])
    try restore(cluster, cluster.store)
    for name in ["w2", "w3"] { come(cluster, name, known[name]!) }
    for name in ["w2", "w3"] { tell(cluster, name, known[name]!) }
    let gone = cluster.node("w1")
    #expect(cluster.start(.giveUp(cluster.node("w2"), reason: "no")) == nil, "it is there")
    #expect(cluster.start(.giveUp(gone, reason: " ")) == nil, "a reason is needed")
    cluster.actions = []
    #expect(cluster.start(.giveUp(gone, reason: "its host burnt down"), by: "ada") != nil)
    #expect(cluster.core.state.restore?.isOpen == true, "the others are asked once more: until now w1 may have added something")
    tell(cluster, "w2", known["w2"]!)
    #expect(cluster.core.state.restore?.isOpen == true)
    tell(cluster, "w3", known["w3"]!)
    #expect(cluster.primaryName == "w3" && cluster.isr == ["w3"] && cluster.eligible.isEmpty)
    #expect(!cluster.record.replicas.contains(gone))
    #expect(cluster.core.state.audit.contains { $0.who == "ada" && $0.what.contains("burnt down") })
    // With its disk it is not taken back.
    come(cluster, "w1", known["w1"]!)
    #expect(cluster.takeFailure()?.code == .conflict)
  }

  @Test func `where min_in_sync copies are missing nobody is elected`() throws {
    let cluster = TestCluster(workers: 3)
    let known = reports(cluster)
    try restore(cluster, cluster.store)
    come(cluster, "w3", known["w3"]!)
    for name in ["w1", "w2"] { cluster.start(.giveUp(cluster.node(name), reason: "lost")) }
    tell(cluster, "w3", known["w3"]!)
    #expect(cluster.core.state.restore?.isOpen == false && cluster.record.primary == nil && cluster.isr.isEmpty)
    cluster.beat("w3")
    #expect(cluster.start(.forceElection(PartitionID(1), cluster.node("w3"), reason: "all that is left")) != nil)
  }

  @Test func `an older copy of a disk is not taken for the one that the newest record names`() throws {
    let cluster = TestCluster(workers: 3)
    var known = reports(cluster, ends: ["w1": 300, "w2": 300, "w3": 100])
    // The others know w3 as its ninth process.
    for name in ["w1", "w2"] {
      let isr = known[name]!.copies[0].record!.isr
      known[name]!.copies[0].record!.isr = isr.map { member in
        member.node == cluster.node("w3") ? Member(node: member.node, storage: member.storage, incarnation: Incarnation(9)) : member
      }
      known[name]!.copies[0].record!.version = RecordVersion(20)
    }
    try restore(cluster, cluster.store)
    for name in all { come(cluster, name, known[name]!) }
    for name in all { tell(cluster, name, known[name]!) }
    #expect(cluster.core.state.restore?.isOpen == false && !cluster.isr.contains("w3") && !cluster.eligible.contains("w3"))
    come(cluster, "w3", known["w3"]!)
    #expect(cluster.takeFailure()?.message.contains("older copy") == true)
  }

  @Test func `restored twice from one backup, with nothing left of the store, epochs still only rise`() throws {
    let cluster = TestCluster(workers: 3)
    let backup = cluster.store
    var last = Epoch.none
    for round in 1...3 {
      let known = reports(cluster)
      try restore(cluster, backup, isLost: true)
      for name in all { come(cluster, name, known[name]!) }
      for name in all { tell(cluster, name, known[name]!) }
      #expect(cluster.record.epoch > last && cluster.core.state.cluster.restores == UInt32(round))
      #expect(cluster.core.state.revision >= UInt64(round) << 40)
      last = cluster.record.epoch
    }
  }

  @Test func `a coordinator that starts anew meanwhile asks again`() throws {
    let cluster = TestCluster(workers: 3)
    let known = reports(cluster)
    try restore(cluster, cluster.store)
    for name in ["w1", "w2"] { come(cluster, name, known[name]!) }
    for name in ["w1", "w2"] { tell(cluster, name, known[name]!) }
    cluster.restartCoordinator()
    for name in all { come(cluster, name, known[name]!) }
    tell(cluster, "w3", known["w3"]!)
    #expect(cluster.core.state.restore?.isOpen == true)
    for name in ["w1", "w2"] { tell(cluster, name, known[name]!) }
    #expect(cluster.core.state.restore?.isOpen == false && cluster.primaryName != nil)
  }

  @Test func `a store that was set back without a restore is noticed, and elects nobody who knows better`() throws {
    let cluster = TestCluster(workers: 3)
    let backup = cluster.store
    cluster.propose(.remove, cluster.member("w3"), from: "w1")
    let known = reports(cluster)
    cluster.store = backup
    cluster.restartCoordinator()
    cluster.actions = []
    come(cluster, "w1", known["w1"]!)
    #expect(cluster.takeFailure()?.message.contains("assay coordinator restore") == true)
  }
}
