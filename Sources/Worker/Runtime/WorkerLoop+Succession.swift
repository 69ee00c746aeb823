import Logging
import NIOCore
import Wire

/// Split and merge between the loops of one worker (R12): a child may belong to another loop than its parent.
extension WorkerLoop {
  func take(_ command: SuccessionCommand) {
    shard.take(command, now: now())
    drain()
  }

  func reviewSuccessions() {
    shard.reviewSuccessions(delivered: { node.sinks.outbox.cursor(of: $0) }, now: now())
    drain()
  }

  func take(_ command: HandOverCommand) {
    shard.take(command, now: now())
    drain()
  }

  func succeed(_ output: ShardOutput) {
    for part in output.parts {
      let owner = node.loops[node.loopIndex(of: part.child)]
      let moved = PartOnItsWay(part)
      owner.eventLoop.execute {
        // Once it stands in the map, a copy that is not there yet comes from another replica (R13): what its parents' logs
        // hold may be given up now.
        guard self.node.map?.partitions.contains(where: { $0.id == moved.part.child }) != true else { return }
        owner.shard.adopt(moved.part)
        owner.drain()
      }
    }
    for id in output.unborn {
      let owner = node.loops[node.loopIndex(of: id)]
      owner.eventLoop.execute {
        owner.shard.discard(id)
        owner.drain()
      }
    }
    for report in output.successions { node.session.report(report) }
    for report in output.handOvers { node.session.report(report) }
    for id in output.retired { forget(id) }
    for id in output.departed { node.leave(id, on: self) }
    guard output.rotateSinks, !isRotating else { return }
    // Its clients wait: the decisions before the seal do not wait for their file to fill.
    isRotating = true
    node.sinks.rotate { _ in
      self.eventLoop.execute {
        self.reviewSuccessions()
        // What has been decided meanwhile, in a partition that was asked since, goes into the next ones.
        self.eventLoop.scheduleTask(in: .milliseconds(5)) {
          self.isRotating = false
          self.reviewSuccessions()
        }
      }
    }
  }
}

extension WorkerLoop {
  /// Others have taken a partition's place. Its end is written down when every loop has done what it had begun before the
  /// map came: no child is born behind that record.
  private func forget(_ id: PartitionID) {
    node.logger.info("others have taken a partition's place", metadata: ["partition": "\(id)"])
    var waiting = node.loops.count
    for loop in node.loops {
      loop.eventLoop.execute {
        self.eventLoop.execute {
          waiting -= 1
          guard waiting == 0 else { return }
          self.shard.drop(id)
          self.node.retire(id)
          self.drain()
        }
      }
    }
  }
}

/// A copy that nobody else has, on its way from one loop to another.
private struct PartOnItsWay: @unchecked Sendable {
  let part: ChildPart
  init(_ part: ChildPart) { self.part = part }
}
