import Wire

/// A cluster's status for people.
enum StatusText {
  static func lines(_ status: Status, partitions showsPartitions: Bool) -> [String] {
    let map = status.map
    var lines = [
      "cluster \(map.cluster), map \(map.version): \(map.partitions.count) partitions, replicas \(map.settings.replicas), "
        + "min in sync \(map.settings.minInSync), durability \(map.settings.durability)",
      "bundle: \(map.activeBundle.map(\.description) ?? "none active")"
        + (map.candidateBundle.map { ", \($0) is being loaded" } ?? ""),
    ]
    let serving = Set(status.replicas.filter { $0.report.role == .primary }.map(\.report.partition))
    for (record, node) in zip(map.nodes, status.nodes).sorted(by: { $0.0.name < $1.0.name }) {
      let leads = map.partitions.filter { $0.primary?.node == record.id }.count
      let holds = map.partitions.filter { $0.replicas.contains(record.id) }.count
      let silence = node.silenceMilliseconds == .max ? "not heard yet" : "heard \(node.silenceMilliseconds) ms ago"
      var line =
        "\(record.name): \(node.state), \(silence), leads \(leads) and holds \(holds) partitions, "
        + "data \(record.address), HTTP \(record.httpAddress)"
      if !node.bundleProblem.isEmpty { line += ", can't load the bundle: \(node.bundleProblem)" }
      lines.append(line)
    }
    let waiting = map.partitions.filter { !serving.contains($0.id) }
    let thin = map.partitions.filter { $0.isr.count < $0.replicas.count }
    lines.append(
      waiting.isEmpty && thin.isEmpty
        ? "all partitions serve, all replicas are in sync"
        : "\(waiting.count) partitions don't serve, \(thin.count) have replicas out of sync")
    if showsPartitions {
      let ends = Dictionary(grouping: status.replicas) { $0.report.partition }
      for record in map.partitions {
        let replicas = (ends[record.id] ?? []).map { "\($0.node) \($0.report.role) \($0.report.commit)/\($0.report.end)" }
        lines.append(
          "\(record.id) \(record.range) \(record.epoch) \(record.version) primary \(record.primary.map { "\($0.node)" } ?? "none") "
            + "ISR \(record.isr.map { "\($0.node)" }.joined(separator: ",")): \(replicas.joined(separator: ", "))")
      }
    }
    return lines
  }
}
