import Wire

/// One value of each cluster message, for golden bytes and round trips. Fields differ, so that a swap shows.
enum ClusterSamples {
  static let cluster = ClusterID(high: 0x0102_0304_0506_0708, low: 0x1112_1314_1516_1718)
  static let settings = ClusterSettings(
    replicas: 3, minInSync: 2, durability: .replicated, leaseMilliseconds: 3_000, heartbeatMilliseconds: 500)
  static let bundle = BundleID(high: 0xB0, low: 0xB1)

  static func member(_ node: UInt32) -> Member {
    Member(node: NodeID(node), storage: StorageID(high: 0x57, low: UInt64(node)), incarnation: Incarnation(UInt64(node) + 4))
  }

  static func node(_ id: UInt32, _ state: NodeState = .alive) -> NodeRecord {
    NodeRecord(
      id: NodeID(id), name: "worker-\(id)", address: "10.0.0.\(id):7101", httpAddress: "10.0.0.\(id):7201", zone: "z\(id)",
      storage: member(id).storage, incarnation: member(id).incarnation, state: state, draining: id == 3)
  }

  static let partitions: [PartitionRecord] = {
    let ranges = KeyRange.tiles(2)
    return [
      PartitionRecord(
        id: PartitionID(1), range: ranges[0], epoch: Epoch(restore: 1, number: 4), version: RecordVersion(9), primary: member(2),
        isr: [member(2)], eligible: [member(1)], replicas: [NodeID(2), NodeID(1), NodeID(3)]),
      PartitionRecord(
        id: PartitionID(2), range: ranges[1], epoch: Epoch(3), version: RecordVersion(7), primary: nil, isr: [member(1), member(3)],
        replicas: [NodeID(1), NodeID(3)]),
    ]
  }()

  static let map = ClusterMap(
    cluster: cluster, version: MapVersion(42), settings: settings, nodes: [node(1), node(2), node(3, .gone)], partitions: partitions,
    activeBundle: bundle, previousBundle: nil, candidateBundle: BundleID(high: 0xC0, low: 0xC1))

  static let report = ReplicaReport(
    partition: PartitionID(1), role: .follower, epoch: Epoch(4), end: Offset(1_000), commit: Offset(990))

  static let join = Join(
    cluster: cluster, name: "worker-1", address: "10.0.0.1:7101", httpAddress: "10.0.0.1:7201", zone: "a",
    storage: StorageID(high: 0x57, low: 1), incarnation: Incarnation(5), intactSince: Incarnation(3), build: "0.1.0",
    seen: [.init(partition: PartitionID(1), epoch: Epoch(4), version: RecordVersion(9))])

  static let heartbeat = Heartbeat(
    node: NodeID(1), incarnation: Incarnation(5), map: MapVersion(42), bundles: [bundle], bundleProblem: "no such feature",
    diskFree: 1 << 40, replicas: [report])

  static let proposal = ISRProposal(
    partition: PartitionID(1), epoch: Epoch(4), version: RecordVersion(9), proposer: NodeID(2), proposerIncarnation: Incarnation(6),
    change: .add, member: member(3))

  static let status = Status(
    map: map,
    nodes: [
      .init(
        id: NodeID(1), state: .suspect, silenceMilliseconds: 1_700, map: MapVersion(41), diskFree: 5, bundleReady: true,
        bundleProblem: "none")
    ],
    replicas: [.init(node: NodeID(1), report: report)], waitingFor: ["p2 waits for one of: worker-1, worker-3"])

  static let all: [(name: String, message: any ClusterMessage)] = [
    ("join", join), ("join-accepted", JoinAccepted(cluster: cluster, node: NodeID(3), settings: settings)), ("heartbeat", heartbeat),
    ("heartbeat-accepted", HeartbeatAccepted(map: MapVersion(42))), ("map-request", MapRequest()),
    ("watch-map", WatchMap(known: MapVersion(41))), ("cluster-map", map), ("isr-proposal", proposal),
    ("isr-answer", ISRAnswer(outcome: .otherStorage, record: partitions[0])),
    ("publish-bundle", PublishBundle(bundle: bundle, step: .storeAndActivate, contents: [1, 2, 3])),
    ("bundle-published", BundlePublished(bundle: bundle, state: .candidate, map: MapVersion(43))),
    ("bundle-request", BundleRequest(bundle: bundle)), ("bundle-content", BundleContent(bundle: bundle, contents: [9, 8])),
    ("status-request", StatusRequest()), ("status", status),
    (
      "health-report",
      HealthReport(
        node: NodeID(1), incarnation: Incarnation(5), disk: disk,
        peers: [.init(node: NodeID(2), silenceMilliseconds: 120, roundTripMicroseconds: 800)])
    ),
    ("health-notice", HealthNotice(limping: [NodeID(2), NodeID(3)])), ("health-request", HealthRequest()),
    (
      "health-status",
      HealthStatus(nodes: [
        .init(
          id: NodeID(1), condition: .slowDisk, sinceMilliseconds: 7_000, disk: disk, roundTripMicroseconds: 900,
          cutFrom: [NodeID(3)])
      ])
    ),
  ]

  static let disk = HealthReport.Disk(stalledMilliseconds: 2_500, syncs: 32, medianMicroseconds: 90_000, p99Microseconds: 400_000)
}
