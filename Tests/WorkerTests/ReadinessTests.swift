import Testing
import Wire

@testable import Worker

/// What `/readyz` says.
@Suite struct ReadinessTests {
  private static let bundle = BundleID(high: 1, low: 1)

  /// A worker that leads one partition of two, with all that it needs.
  private static func ready(minInSync: Int = 2) -> WorkerReadiness {
    let members = (1...3).map {
      Member(node: NodeID(UInt32($0)), storage: StorageID(high: 1, low: UInt64($0)), incarnation: Incarnation(1))
    }
    let records = zip(1..., KeyRange.tiles(2)).map { number, range in
      PartitionRecord(
        id: PartitionID(UInt32(number)), range: range, epoch: Epoch(1), version: RecordVersion(1), primary: members[number - 1],
        isr: Array(members[..<2]), replicas: members.map(\.node))
    }
    let map = ClusterMap(
      cluster: ClusterID(high: 1, low: 1), version: MapVersion(1), settings: ClusterSettings(replicas: 3, minInSync: minInSync), nodes: [],
      partitions: records, activeBundle: bundle)
    return WorkerReadiness(node: NodeID(1), map: map, loaded: [bundle], serving: [PartitionID(1)])
  }

  @Test func `a worker that lacks nothing is ready`() { #expect(Self.ready().obstacle == nil) }

  @Test func `R15: on a nearly full disk it is not ready, and names the place`() {
    var readiness = Self.ready()
    readiness.fullDisk = "/data/w1"
    #expect(readiness.obstacle == "the log's disk is nearly full: free space on /data/w1")
  }

  @Test func `R4: a partition led here with too few in sync makes it not ready, one led elsewhere doesn't`() {
    #expect(Self.ready(minInSync: 3).obstacle?.hasPrefix("1 of 1 partitions have fewer than 3 copies in sync") == true)
    var readiness = Self.ready()
    readiness.map!.partitions[1].isr.removeLast()
    #expect(readiness.obstacle == nil)
    readiness.map!.partitions[0].isr.removeLast()
    #expect(readiness.obstacle?.contains("fewer than 2 copies in sync") == true)
  }

  @Test func `what is missing before that is named in the order in which it comes`() {
    var readiness = Self.ready()
    readiness.serving = []
    #expect(readiness.obstacle == "1 of 1 partitions are being taken over")
    readiness.loaded = []
    #expect(readiness.obstacle?.hasSuffix("is not loaded yet") == true)
    readiness.map!.activeBundle = nil
    #expect(readiness.obstacle?.hasPrefix("no bundle is active") == true)
    readiness.map!.partitions = []
    #expect(readiness.obstacle == "the cluster waits for its first workers to join")
    readiness.node = nil
    #expect(readiness.obstacle == "this worker has not joined a cluster yet")
  }
}
