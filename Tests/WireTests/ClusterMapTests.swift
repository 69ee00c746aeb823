import Testing

@testable import Wire

@Suite struct ClusterMapTests {
  static func map(_ count: Int) -> ClusterMap {
    var map = ClusterSamples.map
    map.partitions = KeyRange.tiles(count).enumerated().map { index, range in
      var record = ClusterSamples.partitions[0]
      record.id = PartitionID(UInt32(index + 1))
      record.range = range
      return record
    }
    return map
  }

  @Test(arguments: [1, 2, 3, 64, 1_000])
  func `every key has one partition`(count: Int) {
    let map = Self.map(count)
    #expect(map.problem == nil)
    for (index, partition) in map.partitions.enumerated() {
      #expect(map.partitionIndex(for: partition.range.first) == index)
      #expect(map.partitionIndex(for: partition.range.last) == index)
    }
    #expect(map.partition(for: KeyHash(0))?.id == PartitionID(1))
    #expect(map.partition(for: KeyHash(.max))?.id == PartitionID(UInt32(count)))
  }

  @Test func `a map without partitions answers that it has none`() {
    var map = ClusterSamples.map
    map.partitions = []
    #expect(map.problem == nil)
    #expect(map.partition(for: KeyHash(5)) == nil)
    #expect(map.primary(for: KeyHash(5)) == nil)
  }

  @Test func `nodes are found by id`() {
    let map = ClusterSamples.map
    for node in map.nodes { #expect(map.node(node.id) == node) }
    #expect(map.node(NodeID(0)) == nil)
    #expect(map.node(NodeID(4)) == nil)
    #expect(map.primary(for: KeyHash(0))?.id == NodeID(2))
  }

  static let faults: [(String, @Sendable (inout ClusterMap) -> Void)] = [
    ("leave a gap", { $0.partitions.remove(at: 1) }),
    ("no partition owns the keys below", { $0.partitions.removeFirst() }),
    ("no partition owns the keys above", { $0.partitions.removeLast() }),
    ("overlap", { $0.partitions[1].range = $0.partitions[0].range }),
    ("one id", { $0.partitions[1].id = $0.partitions[0].id }),
    ("unknown n9", { $0.partitions[0].replicas.append(NodeID(9)) }),
    ("is not in sync", { $0.partitions[0].primary = ClusterSamples.member(3) }),
    ("a member and no replica", { $0.partitions[0].replicas = [NodeID(2), NodeID(3)] }),
    ("names a replica twice", { $0.partitions[0].replicas = [NodeID(2), NodeID(1), NodeID(1)] }),
    ("both in sync and eligible", { $0.partitions[0].eligible = [ClusterSamples.member(2)] }),
    ("out of order", { $0.partitions[0].isr = [ClusterSamples.member(2), ClusterSamples.member(1)] }),
    ("has 0 replicas", { $0.partitions[0].replicas = [] }),
    ("nodes are out of order", { $0.nodes.swapAt(0, 1) }),
    ("two nodes have one name", { $0.nodes[1].name = $0.nodes[0].name }),
    ("names no cluster", { $0.cluster = .none }),
    ("min_in_sync is 4", { $0.settings.minInSync = 4 }),
  ]

  @Test(arguments: faults.indices)
  func `a map that breaks a rule is named and not decoded`(index: Int) {
    let (text, fault) = Self.faults[index]
    var map = Self.map(4)
    fault(&map)
    #expect(map.problem?.contains(text) == true, "\(map.problem ?? "no problem")")
    let bytes = map.encoded
    #expect(throws: WireError.self) { _ = try ClusterMap(reading: bytes.span.bytes) }
  }

  @Test func `the largest map fits into a frame`() {
    var map = Self.map(ClusterLimit.partitions)
    let members = (1...7).map { ClusterSamples.member(UInt32($0)) }
    for index in map.partitions.indices {
      map.partitions[index].isr = members
      map.partitions[index].primary = members[0]
      map.partitions[index].eligible = []
      map.partitions[index].replicas = members.map(\.node)
    }
    let long = String(repeating: "x", count: ClusterLimit.addressLength)
    map.nodes = (1...ClusterLimit.nodes).map { number in
      var node = ClusterSamples.node(UInt32(number))
      node.name = String(repeating: "n", count: ClusterLimit.nameLength - 4) + String(1_000 + number % 9_000)
      (node.address, node.httpAddress) = (long, long)
      return node
    }
    let bytes = map.encoded
    #expect(bytes.count < FrameHeader.payloadMax)
    #expect((try? ClusterMap(reading: bytes.span.bytes)) == map)
  }

  @Test func `a member holds another's data by its disk, and in memory also by its process`() {
    let member = ClusterSamples.member(1)
    var restarted = member
    restarted.incarnation = Incarnation(99)
    #expect(restarted.holdsSameData(as: member, .fsync))
    #expect(!restarted.holdsSameData(as: member, .replicated))
    var wiped = member
    wiped.storage = StorageID(high: 1, low: 1)
    #expect(!wiped.holdsSameData(as: member, .fsync))
  }
}
