import Models
import Wire

/// What an operator asks of an entity: read from committed state, at a serving primary (R10).
extension Shard {
  enum EntityReading {
    case answer(EntityAnswer)
    /// The transaction's record is to be read from the log first: `finish` takes it.
    case record(EntityRecordWanted)
    case failure(Failure)
  }

  struct EntityRecordWanted {
    var partition: PartitionID
    var offset: Offset
    var log: EpochTable
    var entry: DedupTable.Entry
  }

  func read(_ request: EntityRequest) -> EntityReading {
    guard let partition = partitions[request.partition], partition.replica.primaryEpoch != nil else {
      return .failure(Failure(.notPrimary, "\(request.partition) is led by another worker: ask again with a newer map"))
    }
    guard let token = EntityToken.bytes(of: request.token, kind: request.entity) else {
      return .failure(Failure(.malformed, "'\(request.token)' is no IPv4 or IPv6 address"))
    }
    let key = KeyHash(of: token.span.bytes, kind: request.entity)
    guard partition.range.contains(key) else {
      return .failure(Failure(.notPrimary, "the entity does not belong to \(request.partition): ask again with a newer map"))
    }
    if request.transaction.isEmpty { return answer(request, partition, at: nil, values: nil, decided: nil) }
    guard request.entity == .card else { return .failure(Failure(.malformed, "a transaction is found by its card")) }
    let id = Array(request.transaction.utf8)
    guard let entry = partition.state.dedup.entry(of: Fingerprint(id: id.span.bytes, card: key)) else {
      return .failure(
        Failure(.notFound, "no transaction '\(request.transaction)' of this card is known: it never came, or lies behind the dedup horizon")
      )
    }
    let offset = Offset(entry.offset)
    guard PartitionID(entry.partition) == partition.id else {
      return .failure(
        Failure(
          .notFound,
          "it was decided as \(PartitionID(entry.partition)) at offset \(offset), whose log this partition's took the place of: "
            + "the decision files have its features"))
    }
    guard offset < partition.replica.commit else {
      return .failure(Failure(.unavailable, "the transaction is under way: ask again"))
    }
    return .record(EntityRecordWanted(partition: partition.id, offset: offset, log: partition.replica.log, entry: entry))
  }

  /// With the record that decided the transaction; nil where the log no longer has it.
  func finish(_ request: EntityRequest, _ wanted: EntityRecordWanted, record: [UInt8]?) -> EntityReading {
    guard let partition = partitions[request.partition] else { return .failure(Failure(.notPrimary, "\(request.partition) is gone")) }
    guard let record, let found = transaction(wanted, record, partition) else {
      return .failure(
        Failure(
          .notFound,
          "the log has no decision at offset \(wanted.offset) of \(wanted.partition) (any more), or it was made in two rounds: "
            + "the decision files have its features"))
    }
    let (bundle, decision) = (partition.state.bundles[Int(wanted.entry.bundle)], wanted.entry.decision)
    let decided = EntityAnswer.Decided(
      partition: wanted.partition, offset: wanted.offset, bundle: bundle.id, score: decision.score, action: "\(decision.action)",
      reasons: bundle.reasons(of: decision), flags: Decision.Flags.names.filter { decision.flags.contains($0.0) }.map(\.1),
      eventTime: found.time, loggedTime: wanted.entry.loggedTime)
    return answer(request, partition, at: found.time, values: (bundle, found.values), decided: decided)
  }

  private func transaction(
    _ wanted: EntityRecordWanted, _ record: [UInt8], _ partition: Partition
  ) -> (time: Int64, values: [Double])? {
    guard let header = try? record.withUnsafeBytes({ try LogRecord(reading: $0) }), header.kind == .decided,
      header.baseOffset <= wanted.offset, wanted.offset < header.endOffset
    else { return nil }
    let payload = record.span.bytes.extracting(LogRecord.headerSize..<header.length)
    guard let batch = try? DecidedBatch(reading: payload, rowCount: header.count) else { return nil }
    var ranges: [Range<Int>] = []
    guard (try? batch.locateTransactions(into: &ranges)) != nil else { return nil }
    let row = wanted.offset - header.baseOffset
    let features = batch.features(row)
    let values = (0..<batch.featureCount).map {
      Double(bitPattern: UInt64(littleEndian: features.unsafeLoadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)))
    }
    return (batch.transaction(ranges[row]).eventTime, values)
  }

  private func answer(
    _ request: EntityRequest, _ partition: Partition, at time: Int64?, values: (bundle: Bundle, values: [Double])?,
    decided: EntityAnswer.Decided?
  ) -> EntityReading {
    let state = partition.state
    var answer = EntityAnswer(
      partition: partition.id, epoch: partition.replica.primaryEpoch ?? .none, commit: partition.replica.commit,
      bundle: state.bundle?.id ?? .none, decided: decided)
    let token = EntityToken.bytes(of: request.token, kind: request.entity) ?? []
    let names: [String]
    let history: EntityHistory?
    if request.entity == .card {
      names = state.entities?.features.names ?? []
      history = state.entities?.history(of: token.span.bytes, at: time, limit: request.events)
    } else {
      let table = state.foreign[request.entity]
      names = table?.table.features.names ?? []
      history = table?.table.history(of: token.span.bytes, at: time, limit: request.events)
    }
    if let history {
      answer.eventCount = history.eventCount
      (answer.oldestTime, answer.newestTime) = (history.oldestTime, history.newestTime)
      (answer.isTruncated, answer.memoryBytes) = (history.isTruncated, history.memoryBytes)
      answer.events = history.events.map { event in
        .init(time: event.time, amount: event.amount, fields: event.fields.map { .init($0.name, $0.value) })
      }
      answer.features = history.origins.map { origin in
        .init(
          name: names[origin.feature], value: origin.value, after: origin.after, until: origin.until, count: origin.count,
          events: origin.events, isPartial: origin.isPartial)
      }
    }
    guard let values else { return .answer(answer) }
    // The transaction's own values, as they were logged, with the windows of those that have one now.
    answer.features = zip(values.bundle.features.names, values.values).map { name, value in
      var feature = answer.features.first { $0.name == name } ?? .init(name: name, value: value)
      feature.value = value
      return feature
    }
    return .answer(answer)
  }
}
