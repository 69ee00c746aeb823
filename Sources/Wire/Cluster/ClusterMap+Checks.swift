extension ClusterMap {
  /// The first rule of a well-formed map that this one breaks, in words, or nil. Checked by every decoder, and by the
  /// coordinator before it commits a change.
  public var problem: String? {
    if cluster.isNone { return "the map names no cluster" }
    if let problem = settings.problem { return problem }
    return nodeProblem ?? tilingProblem ?? partitionProblem
  }

  private var nodeProblem: String? {
    for (a, b) in zip(nodes, nodes.dropFirst()) where a.id >= b.id { return "nodes are out of order at \(b.id)" }
    if Set(nodes.map(\.name)).count != nodes.count { return "two nodes have one name" }
    return nil
  }

  private var tilingProblem: String? {
    guard let first = partitions.first, let last = partitions.last else { return nil }
    if first.range.first.rawValue != 0 { return "no partition owns the keys below \(first.range.first)" }
    for (a, b) in zip(partitions, partitions.dropFirst())
    where a.range.last.rawValue == .max || a.range.last.rawValue + 1 != b.range.first.rawValue {
      return "\(a.id) and \(b.id) overlap or leave a gap"
    }
    if last.range.last.rawValue != .max { return "no partition owns the keys above \(last.range.last)" }
    return nil
  }

  private var partitionProblem: String? {
    if Set(partitions.map(\.id)).count != partitions.count { return "two partitions have one id" }
    let known = Set(nodes.map(\.id))
    for partition in partitions {
      if let problem = partition.problem { return problem }
      for node in partition.replicas where !known.contains(node) { return "\(partition.id) is placed on unknown \(node)" }
    }
    return nil
  }
}
