import Wire

/// A planned hand-over (R12), the primary's part: it takes no rows until everything has committed on the successor and
/// stands in closed files, tells the coordinator, and waits for the record that names the successor. Nothing depends on
/// the pause but how long clients wait: it ends by itself, and the election is one like any other (R10).
struct Pause: Sendable {
  /// Of the record by which it was asked for.
  var version: RecordVersion
  var successor: Member
  var since: Int64
  /// The sinks have everything, and the log says so.
  var isDelivered = false
  var isDrained = false

  /// If the successor does not hold everything after this, the primary goes on.
  static let drainMillisecondsMax: Int64 = 400
  /// For this long it waits for the sinks. Beyond, what the log's cursor does not cover is delivered once more by the
  /// successor, under the same numbers.
  static let deliveryMillisecondsMax: Int64 = 200
  /// Drained, and nobody was elected: the coordinator is gone.
  static let electionMillisecondsMax: Int64 = 1_000
}

extension Shard {
  /// The coordinator's word. Given again until it is answered.
  public func take(_ command: HandOverCommand, now: Int64) {
    guard let partition = partitions[command.partition] else { return }
    switch command.action {
    case .pause:
      guard partition.replica.isServing, let record = partition.replica.record, record.version == command.version else { return }
      if let pause = partition.pause, pause.version == command.version { return reviewPause(partition, now: now) }
      guard partition.pausedBy < command.version, partition.state.seal == nil,
        record.isr(command.successor.node)?.holdsSameData(as: command.successor, partition.replica.durability) == true
      else { return report(partition, command.version, .resumed, milliseconds: 0) }
      partition.pausedBy = command.version
      partition.pause = Pause(version: command.version, successor: command.successor, since: now)
      reviewPause(partition, now: now)
    case .resume:
      guard let pause = partition.pause, pause.version <= command.version else { return }
      resume(partition, now: now)
    }
  }

  /// Something has committed, the sinks have closed files, or time has passed.
  func reviewPause(_ partition: Partition, delivered: Offset? = nil, now: Int64? = nil) {
    guard var pause = partition.pause else { return }
    guard partition.replica.isServing, partition.replica.record?.version == pause.version, partition.state.seal == nil else {
      // Somebody else's turn, or asked for again by the newer record.
      partition.pause = nil
      return
    }
    if let now {
      let paused = now - pause.since
      if pause.isDrained ? paused >= Pause.electionMillisecondsMax : paused >= Pause.drainMillisecondsMax {
        report(partition, pause.version, .resumed, milliseconds: paused)
        return resume(partition, now: now)
      }
      if paused >= Pause.deliveryMillisecondsMax { pause.isDelivered = true }
      partition.pause = pause
    }
    guard partition.replica.commit == partition.replica.log.end else { return }
    if !pause.isDelivered, let delivered, let now {
      if partition.lastHanded <= delivered {
        pause.isDelivered = true
        partition.pause = pause
        logSinkCursor(partition, now: now, delivered: delivered)
        // With one replica it has committed at once, and this has been called from there.
        guard partition.pause?.isDrained == false, partition.replica.commit == partition.replica.log.end else { return }
      }
    }
    guard pause.isDelivered else {
      output.rotateSinks = true
      return
    }
    guard !pause.isDrained || now != nil else { return }
    pause.isDrained = true
    partition.pause = pause
    report(partition, pause.version, .drained, milliseconds: now.map { $0 - pause.since } ?? 0)
  }

  private func resume(_ partition: Partition, now: Int64) {
    partition.pause = nil
    followBundles(partition, now: now)
  }

  private func report(_ partition: Partition, _ version: RecordVersion, _ state: HandOverReport.State, milliseconds: Int64) {
    output.handOvers.append(
      HandOverReport(
        member: me, partition: partition.id, version: version, state: state, pausedMilliseconds: UInt32(clamping: milliseconds)))
  }
}
