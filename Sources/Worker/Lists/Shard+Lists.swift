import Models
import Wire

/// Hot items of lists, on their way into the logs.
extension Shard {
  /// The coordinator has newer ones.
  func learned(_ lists: ListCatalogue, now: Int64) {
    guard lists.version > self.lists.version else { return }
    self.lists = lists
    for partition in partitions.values.sorted(by: { $0.id < $1.id }) { followLists(partition, now: now) }
  }

  /// Logs what the partition's state lacks of what is known here. All of it in one go, so that no decision stands between its entries.
  func followLists(_ partition: Partition, now: Int64) {
    let state = partition.state
    guard lists.version > state.hot.version, partition.replica.primaryEpoch != nil, state.seal == nil, partition.pause == nil
    else { return }
    state.advance(to: ownTime(of: partition, now: now))
    for record in lists.records(from: state.hot.version) {
      state.hot.apply(record.items, version: record.version, replacing: record.isReplacing)
      log(partition, .listItems, now: now) { record.write(to: &$0) }
    }
  }
}
