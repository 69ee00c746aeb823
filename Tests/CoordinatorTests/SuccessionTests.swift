import Testing
import Wire

@testable import Coordinator

/// Split and merge (R12), the coordinator's part: what is in the store at each moment, and what workers are told.
@Suite struct SuccessionTests {
  /// Workers that do at once what they are told, unless a test speaks for them.
  private final class Workers {
    let cluster: TestCluster
    var sealed: Set<PartitionID> = []
    var digests: [String: UInt64] = [:]
    /// Silent, or slow to make their copies.
    var silent: Set<String> = []
    var isDelivered = true
    var commands: [SuccessionCommand] = []

    init(_ cluster: TestCluster) { self.cluster = cluster }

    /// Answers every command that has been sent since the last call; true if there were any.
    @discardableResult func answer() -> Bool {
      var found: [(String, SuccessionCommand)] = []
      for case .send(let session, _, .succession(let command)) in cluster.takeActions() {
        guard let name = cluster.sessions.first(where: { $0.value == session })?.key else { continue }
        found.append((name, command))
        commands.append(command)
      }
      for (name, command) in found where !silent.contains(name) { answer(name, command) }
      return !found.isEmpty
    }

    private func answer(_ name: String, _ command: SuccessionCommand) {
      let member = cluster.member(name)
      var report = SuccessionReport(member: member, succession: command.succession, parents: [], children: [])
      for (parent, version) in zip(command.succession.parents, command.versions) {
        guard let record = cluster.core.state.partition(parent) else { continue }
        if record.primary == member {
          if command.action == .prepare, record.version == version { sealed.insert(parent) }
          if command.action == .abort { sealed.remove(parent) }
        }
        report.parents.append(
          .init(partition: parent, isPrimary: record.primary == member, isSealed: sealed.contains(parent), isDelivered: isDelivered))
      }
      if command.action == .prepare {
        report.children = command.succession.children.map { .init(partition: $0.id, digest: digests[name] ?? 77) }
      }
      cluster.step(.request(cluster.sessions[name]!, correlation: 0, .succession(report)))
    }

    func pass(_ milliseconds: Int64, beating: [String] = ["w1", "w2", "w3"]) {
      for _ in stride(from: 0, to: milliseconds, by: 100) {
        cluster.pass(100, beating: beating)
        answer()
      }
    }
  }

  private func cluster(partitions: Int = 2) -> (TestCluster, Workers) {
    let cluster = TestCluster(workers: 3, partitions: partitions)
    return (cluster, Workers(cluster))
  }

  private static let middle = KeyHash(1 << 62)

  private func ids(_ cluster: TestCluster) -> [UInt32] { cluster.core.state.partitions.map(\.id.rawValue) }

  @Test func `a split is prepared by all in sync, committed in one transaction, and its ids are never given again`() throws {
    let (cluster, workers) = cluster()
    let parent = cluster.core.state.partition(PartitionID(1))!
    let id = try #require(cluster.start(.split(PartitionID(1), at: Self.middle)))
    #expect(ids(cluster) == [1, 2])
    workers.answer()
    #expect(ids(cluster) == [3, 4, 2])
    #expect(cluster.core.state.operation(id)?.state == .finished)
    for child in cluster.core.state.partitions.prefix(2) {
      #expect(child.epoch == Epoch(1) && child.primary == parent.primary && child.isr == parent.isr && child.replicas == parent.replicas)
    }
    #expect(cluster.core.state.partitions[1].range.first == Self.middle)
    #expect(try ClusterState(cluster.store).nextPartition == PartitionID(5))
    // A worker that still knows the parent is no sign of a restored store; one that knows what was never given is.
    cluster.join(
      "w2", incarnation: 2, cluster: TestCluster.id, seen: [.init(partition: PartitionID(1), epoch: Epoch(9), version: RecordVersion(9))])
    #expect(cluster.takeFailure() == nil)
    cluster.join(
      "w2", incarnation: 3, cluster: TestCluster.id, seen: [.init(partition: PartitionID(5), epoch: Epoch(1), version: RecordVersion(1))])
    #expect(cluster.takeFailure()?.code == .conflict)
  }

  @Test func `two partitions become one, and the next split takes fresh ids`() throws {
    let (cluster, workers) = cluster()
    cluster.start(.merge(PartitionID(2), PartitionID(1)))
    workers.answer()
    #expect(ids(cluster) == [3])
    #expect(cluster.record.range == KeyRange(first: KeyHash(0), last: KeyHash(.max)))
    cluster.start(.split(PartitionID(3), at: Self.middle))
    workers.answer()
    #expect(ids(cluster) == [4, 5])
  }

  @Test func `whoever reminds of a split that came to nothing is told so once in a while, and not as fast as it answers`() throws {
    let (cluster, workers) = cluster()
    workers.silent = ["w3"]
    let id = try #require(cluster.start(.split(PartitionID(1), at: Self.middle)))
    workers.answer()
    let succession = try #require(workers.commands.first).succession
    cluster.step(.request(SessionID(900), correlation: 6, .abortOperation(id)))
    workers.pass(500)
    #expect(cluster.core.state.operation(id)?.state == .aborted)
    cluster.actions = []
    func remind() {
      let report = SuccessionReport(
        member: cluster.member("w3"), succession: succession,
        parents: [.init(partition: PartitionID(1), isPrimary: false, isSealed: true, isDelivered: false)], children: [])
      cluster.step(.request(cluster.sessions["w3"]!, correlation: 0, .succession(report)))
    }
    for _ in 0..<50 { remind() }
    func told() -> Int { cluster.takeActions().count { if case .send(_, _, .succession) = $0 { true } else { false } } }
    #expect(told() == 1)
    cluster.pass(1_000, beating: ["w1", "w2", "w3"])
    remind()
    #expect(told() == 1, "a command may be lost: it is told again")
  }

  @Test func `a seal of a merge that came to nothing is taken back, also where the other partition has been split meanwhile`() throws {
    let (cluster, workers) = cluster()
    let id = try #require(cluster.start(.merge(PartitionID(1), PartitionID(2))))
    cluster.step(.request(SessionID(900), correlation: 6, .abortOperation(id)))
    workers.answer()
    workers.pass(500)
    #expect(cluster.core.state.operation(id)?.state == .aborted)
    let succession = try #require(workers.commands.first).succession
    cluster.start(.split(PartitionID(2), at: KeyHash(3 << 62)))
    workers.answer()
    #expect(ids(cluster) == [1, 4, 5])
    // Long enough for who reminds to be told again.
    cluster.pass(1_000, beating: ["w1", "w2", "w3"])
    cluster.actions = []
    func told(sealed parent: UInt32) -> [SuccessionCommand] {
      let report = SuccessionReport(
        member: cluster.member("w1"), succession: succession,
        parents: [.init(partition: PartitionID(parent), isPrimary: true, isSealed: true, isDelivered: false)], children: [])
      cluster.step(.request(cluster.sessions["w1"]!, correlation: 0, .succession(report)))
      return cluster.takeActions().compactMap { if case .send(_, _, .succession(let command)) = $0 { command } else { nil } }
    }
    let command = try #require(told(sealed: 1).first)
    #expect(command.action == .abort)
    #expect(command.succession == succession)
    #expect(command.versions == [cluster.core.state.partition(PartitionID(1))!.version, RecordVersion(.max)])
  }

  @Test func `nothing is committed before every in-sync replica has its copy and the sinks have the decisions`() {
    let (cluster, workers) = cluster()
    workers.silent = ["w3"]
    cluster.start(.split(PartitionID(1), at: Self.middle))
    workers.pass(500)
    #expect(ids(cluster) == [1, 2])
    workers.silent = []
    workers.isDelivered = false
    workers.pass(500)
    #expect(ids(cluster) == [1, 2])
    workers.isDelivered = true
    workers.pass(200)
    #expect(ids(cluster) == [3, 4, 2])
  }

  @Test func `a member that dies meanwhile leaves the in-sync set, and those left are enough`() {
    let (cluster, workers) = cluster()
    workers.silent = ["w3"]
    cluster.start(.split(PartitionID(1), at: Self.middle))
    workers.pass(200)
    cluster.kill("w3")
    workers.pass(300, beating: ["w1", "w2"])
    #expect(ids(cluster) == [3, 4, 2])
    #expect(cluster.core.state.partitions[0].isr.map(\.node) == [cluster.node("w1"), cluster.node("w2")])
    #expect(cluster.core.state.partitions[0].replicas.contains(cluster.node("w3")), "it comes back as a learner, or with its copy")
  }

  @Test func `the parent's primary dies: the next one seals again what is not in its log, by the new version`() {
    let (cluster, workers) = cluster()
    workers.silent = ["w1", "w2", "w3"]
    cluster.start(.split(PartitionID(1), at: Self.middle))
    workers.answer()
    let first = cluster.core.state.partition(PartitionID(1))!
    cluster.kill(cluster.core.state.node(first.primary!.node)!.name)
    workers.sealed = []
    workers.silent = []
    workers.pass(400, beating: ["w1", "w2", "w3"].filter { cluster.node($0) != first.primary!.node })
    #expect(ids(cluster) == [3, 4, 2])
    #expect(workers.commands.last!.versions[0] > first.version)
  }

  @Test func `an abort is logged before anybody is told, and over only when the primary has unsealed`() throws {
    let (cluster, workers) = cluster()
    workers.silent = ["w3"]
    let id = try #require(cluster.start(.split(PartitionID(1), at: Self.middle)))
    workers.pass(200)
    #expect(workers.sealed == [PartitionID(1)])
    let before = cluster.core.state.partition(PartitionID(1))!.version
    cluster.commitsAtOnce = false
    cluster.step(.request(SessionID(900), correlation: 6, .abortOperation(id)))
    cluster.pass(200, beating: [])
    #expect(
      !cluster.takeActions().contains { if case .send(_, _, .succession(let command)) = $0 { command.action == .abort } else { false } })
    cluster.commitsAtOnce = true
    cluster.flush()
    #expect(cluster.core.state.operation(id)?.state == .aborting)
    #expect(cluster.core.state.partition(PartitionID(1))!.version > before)
    workers.pass(200)
    #expect(cluster.core.state.operation(id)?.state == .aborted && workers.sealed.isEmpty)
    #expect(ids(cluster) == [1, 2])
    // The ids are not given again.
    workers.silent = []
    cluster.start(.split(PartitionID(1), at: Self.middle))
    workers.answer()
    #expect(ids(cluster) == [5, 6, 2])
  }

  @Test func `what takes too long is given up by the coordinator itself`() throws {
    let (cluster, workers) = cluster()
    workers.silent = ["w3"]
    let id = try #require(cluster.start(.split(PartitionID(1), at: Self.middle)))
    workers.pass(7_000)
    #expect(cluster.core.state.operation(id)?.state == .aborted && workers.sealed.isEmpty)
  }

  @Test func `copies that differ are never put in the parent's place`() throws {
    let (cluster, workers) = cluster()
    workers.digests = ["w2": 78]
    let id = try #require(cluster.start(.split(PartitionID(1), at: Self.middle)))
    workers.pass(300)
    let record = try #require(cluster.core.state.operation(id))
    #expect(record.state == .aborted && record.note.contains("differ"))
    #expect(ids(cluster) == [1, 2])
  }

  @Test func `a coordinator that starts anew goes on from the record, in any phase`() throws {
    for phase in 0...2 {
      let (cluster, workers) = cluster()
      workers.silent = ["w3"]
      let id = try #require(cluster.start(.split(PartitionID(1), at: Self.middle)))
      workers.pass(200)
      if phase == 2 { cluster.step(.request(SessionID(900), correlation: 6, .abortOperation(id))) }
      cluster.restartCoordinator(after: phase == 0 ? 0 : 200)
      for name in ["w1", "w2", "w3"] { cluster.join(name, cluster: TestCluster.id) }
      workers.silent = []
      workers.pass(400)
      #expect(ids(cluster) == (phase == 2 ? [1, 2] : [3, 4, 2]), "phase \(phase)")
      #expect(cluster.core.state.operation(id)?.state == (phase == 2 ? .aborted : .finished))
      #expect(workers.sealed.isEmpty || phase < 2)
    }
  }

  @Test func `a worker with an operation that nobody knows is told that nothing comes of it`() {
    let (cluster, _) = cluster()
    let succession = Succession(
      operation: OperationID(44), epoch: Epoch(1), parents: [PartitionID(1)],
      children: [
        .init(id: PartitionID(30), range: KeyRange(first: KeyHash(0), last: KeyHash(5))),
        .init(id: PartitionID(31), range: KeyRange(first: KeyHash(6), last: KeyHash(9))),
      ])
    let report = SuccessionReport(
      member: cluster.member("w1"), succession: succession,
      parents: [.init(partition: PartitionID(1), isPrimary: true, isSealed: true, isDelivered: true)], children: [])
    cluster.step(.request(cluster.sessions["w1"]!, correlation: 0, .succession(report)))
    let told = cluster.takeAnswers().compactMap { if case .succession(let command) = $0 { command.action } else { nil } }
    #expect(told == [.abort])
  }

  @Test func `a proposal about a partition that is gone is answered`() throws {
    let (cluster, workers) = cluster()
    let member = cluster.member("w2")
    cluster.start(.split(PartitionID(1), at: Self.middle))
    let primary = cluster.core.state.partition(PartitionID(1))!.primary!
    let proposal = ISRProposal(
      partition: PartitionID(1), epoch: Epoch(1), version: RecordVersion(1), proposer: primary.node,
      proposerIncarnation: primary.incarnation,
      change: .remove, member: member)
    cluster.commitsAtOnce = false
    workers.answer()
    cluster.step(.request(cluster.sessions["w1"]!, correlation: 3, .propose(proposal)))
    cluster.commitsAtOnce = true
    cluster.flush()
    #expect(cluster.takeFailure()?.code == .notFound)
  }

  @Test(arguments: [
    (OperationRequest.split(PartitionID(9), at: KeyHash(5)), FailureCode.notFound), (.split(PartitionID(1), at: KeyHash(0)), .malformed),
    (.split(PartitionID(2), at: KeyHash(5)), .malformed), (.merge(PartitionID(1), PartitionID(3)), .malformed),
    (.merge(PartitionID(1), PartitionID(1)), .malformed), (.merge(PartitionID(1), PartitionID(7)), .notFound),
  ])
  func `what can't be done is refused before anything is begun`(request: OperationRequest, code: FailureCode) {
    let (cluster, _) = cluster(partitions: 3)
    #expect(cluster.start(request) == nil)
    #expect(cluster.takeFailure()?.code == code)
    #expect(cluster.core.state.operations.isEmpty)
  }

  @Test func `only one operation works on a partition at a time`() {
    let (cluster, workers) = cluster()
    workers.silent = ["w3"]
    cluster.start(.merge(PartitionID(1), PartitionID(2)))
    #expect(cluster.start(.split(PartitionID(2), at: KeyHash(3 << 62))) == nil)
    #expect(cluster.takeFailure()?.code == .conflict)
  }
}
