import Wire

@testable import Coordinator
@testable import Worker

/// After the faults: everything comes together again, and the whole is gone through.
extension Checks {
  func heal(since begin: UInt64) {
    let cluster = Cluster.current!
    let world = cluster.world
    for client in cluster.clients { client.isActive = false }
    cluster.wait(.seconds(60), "every partition is served and fully in sync, and every client has its answers") {
      cluster.isWhole && truth?.openOperations.isEmpty == true && cluster.clients.allSatisfy { $0.outstanding == 0 }
    }
    guard world.violation == nil else { return }
    // New transactions commit, and every old one is answered as before.
    for client in cluster.clients {
      world.run(as: client.process) {
        for tag in client.rows.indices { client.again(tag) }
        for _ in 0..<10 { client.submit() }
      }
    }
    cluster.wait(.seconds(60), "every transaction is answered again, and new ones commit") {
      cluster.clients.allSatisfy { $0.outstanding == 0 }
    }
    // The rest of the followers' and the sinks' way.
    world.run(until: world.now + .seconds(6))
    cluster.wait(.seconds(20), "all replicas are at the same offset") { [unowned self] in cluster.isWhole && areLevel(cluster) }
    guard world.violation == nil else { return }
    observe()
    compareStates()
    checkReplicas(cluster)
    checkLeftOvers(cluster)
    checkAnswers(cluster)
    checkDecisions(cluster)
    checkLabels(cluster)
    checkExchange(cluster)
    checkSinks(cluster)
  }

  private func areLevel(_ cluster: Cluster) -> Bool {
    (truth?.partitions ?? []).allSatisfy { record in
      let own = cluster.workers.filter { $0.node?.nodeID.map { record.isr($0) != nil } == true }
      return Set(own.flatMap(\.partitions).filter { $0.id == record.id }.map(\.state.applied)).count == 1
    }
  }

  /// Every replica of the record is at the same offset with the same state.
  private func checkReplicas(_ cluster: Cluster) {
    for record in truth?.partitions ?? [] {
      let replicas = cluster.workers.flatMap { worker in
        worker.partitions.filter { $0.id == record.id && record.isr(worker.node!.nodeID!) != nil }.map { (worker, $0) }
      }
      let digests = Set(replicas.map { $0.1.state.digest() })
      let offsets = Set(replicas.map { $0.1.state.applied })
      guard digests.count == 1, offsets.count == 1, replicas.count >= cluster.copies(record.id) else {
        return cluster.world.fail("\(record.id) is at rest, and its replicas are not the same: \(cluster.situation)")
      }
    }
  }

  /// R12: nobody keeps a partition that stands in no map: parents are retired, and children of which nothing came are gone.
  private func checkLeftOvers(_ cluster: Cluster) {
    for worker in cluster.workers {
      for partition in worker.partitions {
        guard truth?.partition(partition.id) == nil else { continue }
        return cluster.world.fail("\(worker.process.name) keeps \(partition.id), which stands in no map: \(cluster.situation)")
      }
    }
  }

  /// Every answer that a client was given stands in the committed history, once.
  private func checkAnswers(_ cluster: Cluster) {
    var places: [[UInt8]: (PartitionID, Offset, listVersion: UInt64)] = [:]
    for history in histories.values.sorted(by: { $0.id < $1.id }) {
      for entry in history.entries where entry.header.kind.hasDecisions {
        let version = Self.listVersion(entry)
        for (offset, record) in Self.transactions(entry) {
          let place = (history.id, offset, version)
          if let other = places[record] {
            return cluster.world.fail("one transaction is decided twice: at \(other) and at \(place)")
          }
          places[record] = place
        }
      }
    }
    for client in cluster.clients {
      for (tag, row) in client.rows.enumerated() {
        guard let answer = row.answer else {
          if row.isTooLate { continue }
          return cluster.world.fail("\(client.process.name)'s transaction \(tag) has no answer")
        }
        guard let place = places[row.record], place == (answer.partition, answer.offset, answer.listVersion) else {
          return cluster.world.fail(
            "\(client.process.name)'s transaction \(tag) was answered with \(answer.partition) \(answer.offset) under list version "
              + "\(answer.listVersion), and is "
              + (places[row.record].map { "at \($0)" } ?? "in no committed history"))
        }
      }
    }
  }

  /// Every label that a client was told of as applied stands in the committed history.
  private func checkLabels(_ cluster: Cluster) {
    var logged: Set<[UInt8]> = []
    for history in histories.values {
      for entry in history.entries where entry.header.kind == .labels {
        let payload = Array(entry.bytes[LogRecord.headerSize...])
        guard let record = try? LabelsRecord(reading: payload.span.bytes, count: entry.header.count) else { continue }
        for row in record.rows {
          var bytes = row.transaction
          row.label.append(to: &bytes)
          logged.insert(bytes)
        }
      }
    }
    for client in cluster.clients {
      for (tag, row) in client.labeller.rows.enumerated() where row.isApplied && !logged.contains(row.bytes) {
        // The same finding may have come under a higher version before.
        guard !client.labeller.isCovered(tag, by: logged) else { continue }
        return cluster.world.fail("\(client.process.name)'s label \(tag) was applied, and is in no committed history")
      }
    }
  }

  /// Which version of the lists' hot items an entry's decisions were made under.
  private static func listVersion(_ entry: LogMirror.Entry) -> UInt64 {
    let payload = Array(entry.bytes[LogRecord.headerSize...])
    if entry.header.kind == .decidedLater { return (try? LateDecisions(reading: payload.span.bytes).batch.listVersion) ?? 0 }
    return (try? DecidedBatch(reading: payload.span.bytes, rowCount: entry.header.count).listVersion) ?? 0
  }

  /// What an entry decides on, each at its own place: that of its intake, where it had one.
  static func transactions(_ entry: LogMirror.Entry) -> [(offset: Offset, record: [UInt8])] {
    let payload = Array(entry.bytes[LogRecord.headerSize...])
    var ranges: [Range<Int>] = []
    if entry.header.kind == .decidedLater {
      guard let late = try? LateDecisions(reading: payload.span.bytes) else { return [] }
      try? late.batch.locateTransactions(into: &ranges)
      return ranges.enumerated().map { row, range in (late.offset(row), late.batch.transaction(range).bytes.withUnsafeBytes { Array($0) }) }
    }
    guard let batch = try? DecidedBatch(reading: payload.span.bytes, rowCount: entry.header.count) else { return [] }
    try? batch.locateTransactions(into: &ranges)
    return ranges.enumerated().map { (entry.header.baseOffset + $0, Array(payload[$1])) }
  }

  /// A child's ids are higher than its parents', so theirs are gone through before.
  private func checkDecisions(_ cluster: Cluster) {
    var oracles: [PartitionID: Oracle] = [:]
    for history in histories.values.sorted(by: { $0.id < $1.id }) {
      var oracle =
        births[history.id].map { Oracle(history.id, of: $0.parents.map { oracles[$0]! }, $0.range, exchange) }
        ?? Oracle(history.id, exchange)
      for entry in history.entries {
        if let problem = oracle.check(entry) {
          return cluster.world.fail("\(history.id) \(Self.text(entry.header)): \(problem)")
        }
      }
      oracles[history.id] = oracle
    }
    if let problem = exchange.finish() { cluster.world.fail(problem) }
  }

  /// X3: at rest nobody owes anything, and no reply is kept.
  private func checkExchange(_ cluster: Cluster) {
    for worker in cluster.workers {
      for partition in worker.partitions where !partition.state.home.isEmpty || partition.state.accounts.keptCount > 0 {
        return cluster.world.fail(
          "\(worker.process.name) \(partition.id) is at rest with \(partition.state.home.count) intakes open and "
            + "\(partition.state.accounts.keptCount) replies kept")
      }
    }
  }

  private func checkSinks(_ cluster: Cluster) {
    for history in histories.values.sorted(by: { $0.id < $1.id }) {
      for entry in history.entries where entry.header.kind.hasDecisions {
        for (offset, _) in Self.transactions(entry) {
          let key = Sinks.Key(partition: history.id.rawValue, offset: offset.rawValue)
          guard cluster.sinks.seen[key] != nil else {
            return cluster.world.fail("the sinks never got \(history.id) offset \(key.offset)")
          }
        }
      }
    }
  }
}
