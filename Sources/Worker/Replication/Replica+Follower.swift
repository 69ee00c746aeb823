import Wire

/// The follower's side: fence, match, truncate at the proven divergence, store, acknowledge what is durable.
extension Replica {
  /// Records from a primary. `records` are the headers in order; the shell keeps their bytes.
  public mutating func received(_ message: Append, records: [LogRecord], now: Int64, _ actions: inout [ReplicaAction]) {
    guard message.epoch >= highestEpoch || planted(.noFencing) else {
      actions.append(.answer(answer(.fenced(highest: highestEpoch)), to: message.sender))  // R3
      return
    }
    if message.epoch > highestEpoch || planted(.noFencing) && message.epoch != highestEpoch {
      if case .primary = role {
        stepDown(&actions)
        actions.append(.fetchMap)
      }
      highestEpoch = message.epoch
      role = .follower(matched: .zero, primary: nil)
      actions.append(.persist(highestEpoch: message.epoch, record: record))
      if planted(.truncateToCommit), commit < log.end { cut(to: commit, &actions) }
    }
    guard case .follower(var matched, _) = role else {
      preconditionFailure("\(partition): two primaries in \(message.epoch)")  // R2
    }
    if record.map({ $0.epoch < message.epoch }) ?? true, !planted(.followUnknownEpoch) {
      // R3: the map comes first. The record that began the epoch may have ended this copy, which a later one of the same epoch places
      // here anew: what the old copy acknowledged would count for it, and then it goes.
      role = .follower(matched: .zero, primary: message.sender)
      actions.append(.fetchMap)
      return
    }
    guard let previous = log.epoch(before: message.base), previous == message.previousEpoch else {
      actions.append(.answer(answer(.diverged(log.spans)), to: message.sender))
      return
    }
    if records.isEmpty, message.base == .zero || message.base < logStart, matched <= message.base, log.end > message.base {
      // The primary goes by less than is here: a snapshot has taken the log's place, or a link broke before it had an answer. It would
      // take this for a copy that lacks everything.
      actions.append(.answer(answer(.diverged(log.spans)), to: message.sender))
      return
    }
    matched = max(matched, message.base)
    var first: Int?
    for (index, entry) in records.enumerated() {
      precondition(entry.partition == partition && entry.epoch <= message.epoch)
      if first == nil {
        if let mine = log.epoch(at: entry.baseOffset) {
          if mine == entry.epoch {
            matched = max(matched, entry.endOffset)
            continue  // held already
          }
          // R8: here the histories part, and only from here on is the old one void.
          precondition(entry.baseOffset >= commit, "\(partition): truncation to \(entry.baseOffset) below the commit offset \(commit)")
          cut(to: entry.baseOffset, &actions)
        }
        first = index
      }
      log.append(epoch: entry.epoch, base: entry.baseOffset, count: entry.count)
      matched = max(matched, entry.endOffset)
    }
    role = .follower(matched: matched, primary: message.sender)
    if let first { actions.append(.store(first..<records.count)) }
    let known = min(message.commitOffset, matched)
    if known > commit {
      commit = known
      actions.append(.committed(known))
    }
    // What is new is acknowledged when it is durable; what was durable before, at once.
    if first == nil || durableEnd >= matched {
      actions.append(.answer(answer(.accepted(matched: acknowledgeable(matched))), to: message.sender))
    }
  }

  private mutating func cut(to offset: Offset, _ actions: inout [ReplicaAction]) {
    log.truncate(to: offset)
    durableEnd = min(durableEnd, log.end)
    actions.append(.truncate(to: offset))
  }

  /// R4: up to the prefix proven equal in this epoch, as far as it is durable.
  func acknowledgeable(_ matched: Offset) -> Offset { planted(.acknowledgeLogEnd) ? durableEnd : min(matched, durableEnd) }
}
