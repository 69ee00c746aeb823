import Wire

extension ClusterMap {
  /// The same map with only those partitions that loop `index` of `count` owns.
  func restricted(to index: Int, of count: Int) -> ClusterMap {
    guard count > 1 else { return self }
    var copy = self
    copy.partitions = partitions.filter { Int($0.id.rawValue) % count == index }
    return copy
  }
}
