import Models
import Wire

@testable import Models
@testable import Worker

/// Recomputes a partition's decisions from its committed history, one transaction after the other, each window by looking
/// at every event of the entity. Knows nothing of the worker's tables.
///
/// What others contributed to its entities it notes in `exchange`, which holds it against what their homes decided.
struct Oracle {
  private let id: PartitionID
  private var histories = OracleHistories()
  private var bundle: Bundle?
  private var lists = OracleLists()
  private var ranges: [Range<Int>] = []
  private(set) var decided = 0
  private let exchange: ExchangeOracle

  init(_ id: PartitionID, _ exchange: ExchangeOracle) {
    self.id = id
    self.exchange = exchange
  }

  /// Of a successor: its parents', as far as their keys are its own.
  init(_ id: PartitionID, of parents: [Oracle], _ range: KeyRange, _ exchange: ExchangeOracle) {
    self.init(id, exchange)
    for parent in parents {
      histories.take(parent.histories, range)
      bundle = bundle ?? parent.bundle
      if parent.lists.version > lists.version { lists = parent.lists }
    }
  }

  /// Why `entry` is not what its predecessors make of it; nil if it is.
  mutating func check(_ entry: LogMirror.Entry) -> String? {
    let payload = Array(entry.bytes[LogRecord.headerSize...])
    do throws(WireError) {
      switch entry.header.kind {
      case .bundleActivated:
        let id = entry.bytes.withUnsafeBytes { BundleID(namedBy: $0) }
        bundle = id.flatMap { Bundles.byID[$0]?.bundle }
        return bundle == nil ? "activates an unknown bundle" : nil
      case .decided:
        guard let bundle else { return "is decided without a bundle" }
        return try check(try DecidedBatch(reading: payload.span.bytes, rowCount: entry.header.count), bundle)
      case .intake:
        guard let bundle else { return "is taken in without a bundle" }
        return try take(try IntakeRecord(reading: payload.span.bytes, rowCount: entry.header.count), entry.header, bundle)
      case .labels:
        guard let bundle else { return "is labelled without a bundle" }
        return label(try LabelsRecord(reading: payload.span.bytes, count: entry.header.count), entry.header, bundle)
      case .contributions:
        for record in try ContributionsRecord.readAll(payload.span.bytes) { if let problem = contribute(record) { return problem } }
        return nil
      case .listItems: return lists.take(try ListItemsRecord(reading: payload.span.bytes))
      case .decidedLater: return try note(try LateDecisions(reading: payload.span.bytes))
      default: return nil
      }
    } catch {
      return "can't be read: \(error)"
    }
  }

  private mutating func note(_ late: borrowing LateDecisions) throws(WireError) -> String? {
    guard late.batch.listVersion == lists.version else {
      return "is decided under list version \(late.batch.listVersion), where the log stands at \(lists.version)"
    }
    guard let bundle = Bundles.byID[late.batch.bundle]?.bundle else { return "is of an unknown bundle" }
    ranges.removeAll(keepingCapacity: true)
    try late.batch.locateTransactions(into: &ranges)
    var isBlocked: [Bool] = []
    for range in ranges { isBlocked.append(lists.block(late.batch.transaction(range), bundle)) }
    return try exchange.note(late, of: id, isBlocked: isBlocked)
  }

  private mutating func check(_ batch: borrowing DecidedBatch, _ bundle: Bundle) throws(WireError) -> String? {
    guard batch.bundle == bundle.id else { return "is decided under \(batch.bundle) while \(bundle.id) is active (S3)" }
    guard batch.listVersion == lists.version else {
      return "is decided under list version \(batch.listVersion), where the log stands at \(lists.version)"
    }
    guard bundle.parts.isWhole else { return "decides at once what needs others' entities (X1)" }
    ranges.removeAll(keepingCapacity: true)
    try batch.locateTransactions(into: &ranges)
    for (row, range) in ranges.enumerated() {
      decided += 1
      let transaction = batch.transaction(range)
      let (values, flags) = histories.observe(transaction, transaction.keyHash, bundle.features, of: .card)
      if let problem = OracleDecision.check(
        batch, row, values, flags, bundle, isBlocked: lists.block(transaction, bundle))
      {
        return problem
      }
    }
    return nil
  }

  private mutating func take(_ record: borrowing IntakeRecord, _ header: LogRecord, _ bundle: Bundle) throws(WireError) -> String? {
    guard record.bundle == bundle.id else { return "is taken in under \(record.bundle) while \(bundle.id) is active (S3)" }
    ranges.removeAll(keepingCapacity: true)
    try record.locateTransactions(into: &ranges)
    for (row, range) in ranges.enumerated() {
      decided += 1
      let transaction = record.transaction(range)
      let slots = transaction.present(bundle.parts.slots)
      guard record.slots(row) == slots else { return "row \(row) owes to \(record.slots(row)), and has \(slots)" }
      let (values, flags) = histories.observe(transaction, transaction.keyHash, bundle.features, of: .card)
      exchange.took(id, header.baseOffset + row, .init(bundle: bundle, slots: slots, values: values, flags: flags))
    }
    return nil
  }

  private mutating func label(_ record: LabelsRecord, _ header: LogRecord, _ bundle: Bundle) -> String? {
    for (row, labelled) in record.rows.enumerated() {
      let isNews = labelled.transaction.withUnsafeBytes { bytes in
        let transaction = TransactionView(trusted: RawSpan(_unsafeBytes: bytes))
        exchange.labelled(id, header.baseOffset + row, transaction.present(bundle.parts.labelSlots))
        return histories.label(transaction, transaction.keyHash, labelled.label)
      }
      guard isNews else { return "labels what the card does not have, or had labelled by this version" }
    }
    return nil
  }

  private mutating func contribute(_ record: ContributionsRecord) -> String? {
    guard record.items.isEmpty || Bundles.byID[record.bundle] != nil else { return "is of an unknown bundle" }
    for item in record.items {
      let bundle = Bundles.byID[record.bundle]!.bundle
      var problem: String?
      item.transaction.withUnsafeBytes { bytes in
        let transaction = TransactionView(trusted: RawSpan(_unsafeBytes: bytes))
        item.slots.forEach { slot in
          if let label = item.label {
            histories.label(transaction, transaction.key(slot), label)
            problem = problem ?? exchange.contributed(record.home, item.offset, slot, .init(at: id, values: [], flags: []))
            return
          }
          let (values, flags) = histories.observe(transaction, transaction.key(slot), bundle.features, of: slot.kind)
          problem = problem ?? exchange.contributed(record.home, item.offset, slot, .init(at: id, values: values, flags: flags))
        }
      }
      if let problem { return problem }
    }
    return nil
  }
}

/// The hot items as the log has them, gone through one by one.
struct OracleLists {
  private var items: [ListItem] = []
  private(set) var version: UInt64 = 0

  mutating func take(_ record: ListItemsRecord) -> String? {
    guard record.version >= version else { return "list version \(record.version) comes behind \(version)" }
    version = record.version
    if record.isReplacing { items = [] }
    for item in record.items {
      items.removeAll { $0.isSame(as: item) }
      if item.operation != .drop { items.append(item) }
    }
    return nil
  }

  /// Whether the bundle's rule declines the transaction.
  func block(_ transaction: borrowing TransactionView, _ bundle: Bundle) -> Bool {
    guard let list = bundle.lists.first else { return false }
    let card = transaction.card.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    let time = transaction.eventTime
    func matches(_ text: String) -> Bool { list.type == .prefix ? card.hasPrefix(text) : card == text }
    let newest = items.filter { $0.until > time && matches($0.item) }.max { $0.version < $1.version }
    return newest.map { $0.operation == .add } ?? Bundles.blocked.contains(where: matches)
  }
}

/// Every event of every entity, with the kind in its key.
struct OracleHistories {
  private struct Event {
    var time: Int64
    var amount: Int64
    var card: [UInt8]
    var id: [UInt8]
    var label: Label?
  }

  private var events: [KeyHash: [Event]] = [:]

  mutating func take(_ parent: OracleHistories, _ range: KeyRange) {
    events.merge(parent.events.filter { range.contains($0.key) }) { mine, _ in mine }
  }

  /// The transaction has the label from here on; false where it is not there, or has one of this version or a higher one.
  @discardableResult
  mutating func label(_ transaction: borrowing TransactionView, _ key: KeyHash, _ label: Label) -> Bool {
    let id = transaction.id.withUnsafeBytes { Array($0) }
    guard let place = events[key]?.firstIndex(where: { $0.id == id }) else { return false }
    if let known = events[key]![place].label, known.version >= label.version { return false }
    events[key]![place].label = label
    return true
  }

  /// Adds the transaction to the history of its entity of `kind`. Values of the features of that entity, the transaction's own
  /// among the card's; nil for the others and for ratios.
  mutating func observe(
    _ transaction: borrowing TransactionView, _ key: KeyHash, _ features: FeatureSet, of kind: EntityKind
  ) -> ([Double?], Decision.Flags) {
    let card = transaction.card.withUnsafeBytes { Array($0) }
    let own = Event(
      time: transaction.eventTime, amount: transaction.amount, card: card, id: transaction.id.withUnsafeBytes { Array($0) }, label: nil)
    var history = events[key] ?? []
    events[key] = nil
    var place = history.count
    while place > 0, history[place - 1].time > own.time { place -= 1 }
    var flags: Decision.Flags = []
    if let newest = history.last, own.time < newest.time {
      flags.insert(.outOfOrder)
      if own.time < newest.time - features.allowedLateness { flags.insert(.late) }
    }
    history.insert(own, at: place)
    let values = features.features.map { feature -> Double? in
      if case .own(.amount) = feature.aggregate { return kind == .card ? Double(own.amount) : nil }
      guard feature.entity == kind else { return nil }
      switch feature.aggregate {
      case .fraudShare(let window, _):
        let whole = history[...place].filter { $0.time > own.time - window.length }
        return Double(whole.count { $0.label?.finding == .fraud }) / Double(whole.count)
      case .statistic(let statistic, let window, let filter):
        let amounts = history[...place].filter {
          $0.time > own.time - window.length && (filter?.asksForLabels != true || $0.label?.finding == .fraud)
        }.map(\.amount)
        switch statistic {
        case .count: return Double(amounts.count)
        case .sum: return Double(amounts.reduce(0, +))
        case .max: return amounts.max().map { Double($0) } ?? .nan
        default: return .nan
        }
      case .distinct(.card, let window, _):
        return Double(Set(history[...place].filter { $0.time > own.time - window.length }.map(\.card)).count)
      case .secondsSinceLast: return place == 0 ? .nan : Double(own.time - history[place - 1].time) / 1000
      default: return nil
      }
    }
    if flags.contains(.late) { history.remove(at: place) }
    events[key] = history
    return (values, flags)
  }
}

/// What the bundle makes of a row.
enum OracleDecision {
  /// Ratios in `values` are filled in; nil if the logged row is right.
  static func check(
    _ batch: borrowing DecidedBatch, _ row: Int, _ values: [Double?], _ flags: Decision.Flags, _ bundle: Bundle, isBlocked: Bool
  ) -> String? {
    let logged = batch.features(row).withUnsafeBytes { raw in
      (0..<batch.featureCount).map { raw.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
    }
    // W2: what comes too late is flagged, and computed from what is left of its time.
    let values = flags.contains(.late) ? logged : finish(values, bundle.features)
    guard zip(values, logged).allSatisfy({ $0 == $1 || ($0.isNaN && $1.isNaN) }), values.count == logged.count else {
      return "row \(row) has the features \(logged); its history makes \(values)"
    }
    guard let decision = batch.decision(row) else { return "row \(row) has no decision" }
    let expected = decide(values, bundle, isBlocked)
    guard decision.score == expected.score, decision.action == expected.action, decision.verdict == expected.verdict,
      decision.reasons == expected.reasons, decision.flags.intersection([.late, .outOfOrder, .degraded]) == flags
    else { return "row \(row) is decided \(decision); the model makes \(expected), flags \(flags)" }
    return nil
  }

  private static func finish(_ values: [Double?], _ features: FeatureSet) -> [Double] {
    var values = values
    for index in features.evaluationOrder {
      guard case .ratio(let numerator, let by) = features.features[index].aggregate else { continue }
      let divisor = values[by] ?? .nan
      var upper = values[0] ?? .nan
      if case .feature(let other) = numerator { upper = values[other] ?? .nan }
      values[index] = divisor == 0 ? .nan : upper / divisor
    }
    return values.map { $0 ?? .nan }
  }

  private static func decide(_ values: [Double], _ bundle: Bundle, _ isBlocked: Bool) -> Decision {
    var score: [Float] = [0]
    var scratch = ModelScratch()
    values.withUnsafeBufferPointer { rows in
      score.withUnsafeMutableBufferPointer {
        bundle.model!.score(rows: rows, rowCount: 1, stride: values.count, into: $0, scratch: &scratch)
      }
    }
    let action = isBlocked ? .decline : bundle.policy.action(score[0])
    var held = Decision.noReasons
    if isBlocked { held[0] = 0 }
    let isFraud = action != .approve
    let reasons = isFraud ? values.withUnsafeBufferPointer { bundle.reasons(for: $0, held: held) } : Decision.noReasons
    return Decision(score: score[0], action: action, verdict: isFraud ? .potentialFraud : .clear, flags: [], reasons: reasons)
  }
}
