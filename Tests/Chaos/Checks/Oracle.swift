import Foundation
import Models
import Wire

/// Decides everything once more: a fresh engine, one thread, fed with each partition's transactions in the order of its log.
/// What it says must be what the cluster said, to the last byte of the decision's line: features, score, action, reasons,
/// flags. Values of other entities than the card are taken from the line, within `EntityBounds`; so are the flags that come with
/// them.
struct Oracle {
  let ledgers: [UInt32: Ledger]
  let bundles: [BundleID: Models.Bundle]

  struct Outcome {
    var decisions = 0
    /// Without the features of some entity.
    var degraded = 0
    var violations: [String] = []
  }

  func check(_ files: DecisionFiles) -> Outcome {
    var outcome = Outcome()
    // A card's history goes on in the partitions that take another's place, whose numbers are higher.
    replay(files.lines.keys.sorted().map { files.lines[$0]! }, files, &outcome)
    return outcome
  }

  private func replay(_ lines: [DecisionFiles.Line], _ files: DecisionFiles, _ outcome: inout Outcome) {
    guard let features = bundles.values.first?.features else { return }
    let parts = FeatureParts(features)
    let bounds = parts.isWhole ? nil : EntityBounds(ledgers.values)
    var table = FeatureHistories(features: parts.home.features)
    var own = [Double](repeating: 0, count: features.count)
    var row = own
    var scores: [Float] = [0]
    var scratch = ModelScratch()
    var texts: [BundleID: DecisionText] = [:]
    var out: [UInt8] = []
    for line in lines {
      outcome.decisions += 1
      let said = [UInt8](files.bytes(of: line))
      guard let ledger = ledgers[line.client], line.number < ledger.count else {
        outcome.violations.append("\(line.place) is a transaction that nobody sent: \(files.text(line))")
        continue
      }
      guard let bundle = Self.bundle(of: said).flatMap({ bundles[$0] }), let decided = Self.decidedTime(of: said) else {
        outcome.violations.append("\(line.place) names no bundle that was published: \(files.text(line))")
        continue
      }
      let records = ledger.records
      let transaction = TransactionView(trusted: records.span.bytes.extracting(ledger.range(line.number)))
      let key = ledger.keys[line.number]
      let seen = own.withUnsafeMutableBufferPointer { table.observe(transaction, keyHash: key, into: $0) }
      for (place, column) in parts.home.columns.enumerated() { row[column] = own[place] }
      var flags = Self.flags(seen)
      if let bounds {
        guard let told = Self.flags(of: said), let values = Self.values(of: said, features.names),
          told.isSuperset(of: flags), let problem = Self.take(values, told, parts, transaction, bounds, into: &row)
        else {
          outcome.violations.append("\(line.place) lacks flags or features: \(files.text(line))")
          continue
        }
        if !problem.isEmpty { outcome.violations.append("\(line.place): \(problem): \(files.text(line))") }
        if told.contains(.degraded) { outcome.degraded += 1 }
        flags = told
        row.withUnsafeMutableBufferPointer { parts.finish($0, amount: transaction.amount) }
      }
      let decision = row.withUnsafeBufferPointer { values in
        scores.withUnsafeMutableBufferPointer { scores in
          Self.decide(bundle, values, flags, scores, &scratch)
        }
      }
      if texts[bundle.id] == nil {
        texts[bundle.id] = DecisionText(bundle: bundle.id, reasons: bundle.reasonCodes, features: bundle.features.names)
      }
      out.removeAll(keepingCapacity: true)
      let fields = DecisionFields(
        transactionID: transaction.id, card: transaction.card, partition: line.place.partition, offset: line.place.offset,
        eventTime: transaction.eventTime, decidedTime: decided, decision: decision, features: row.span)
      texts[bundle.id]!.appendJSON(fields, to: &out)
      if out.dropLast() != said[...] {
        outcome.violations.append(
          "\(line.place): the oracle says \(String(decoding: out, as: UTF8.self)) and the cluster \(files.text(line))")
      }
      if let answer = ledger.answers[line.number],
        answer != Ledger.Answer(partition: line.place.partition, offset: line.place.offset, decision: decision, bundle: bundle.id)
      {
        outcome.violations.append("\(line.place): the client was told \(answer), and the oracle says \(decision)")
      }
    }
  }

  private static func decide(
    _ bundle: Models.Bundle, _ values: UnsafeBufferPointer<Double>, _ flags: Decision.Flags, _ scores: UnsafeMutableBufferPointer<Float>,
    _ scratch: inout ModelScratch
  ) -> Decision {
    scores[0] = 0
    bundle.model?.score(rows: values, rowCount: 1, stride: values.count, into: scores, scratch: &scratch)
    let action = bundle.policy.action(scores[0])
    return Decision(
      score: scores[0], action: action, verdict: action == .approve ? .clear : .potentialFraud, flags: flags,
      reasons: action == .approve ? Decision.noReasons : bundle.reasons(for: values))
  }

  private static func flags(_ seen: Observation) -> Decision.Flags {
    var flags: Decision.Flags = []
    if seen.contains(.late) { flags.insert(.late) }
    if seen.contains(.outOfOrder) { flags.insert(.outOfOrder) }
    if seen.contains(.warming) { flags.insert(.warming) }
    if seen.contains(.truncated) { flags.insert(.truncated) }
    return flags
  }

  /// Puts the values of other entities into the row, and says what is wrong with them; nil where one is missing without a reason.
  private static func take(
    _ values: [Double], _ flags: Decision.Flags, _ parts: FeatureParts, _ transaction: TransactionView, _ bounds: EntityBounds,
    into row: inout [Double]
  ) -> String? {
    var problem = ""
    var isMissing = false
    for part in parts.foreign {
      for column in part.columns { row[column] = values[column] }
      let kind = part.features.entity
      let names = part.features.names
      guard let count = names.firstIndex(of: ChaosBundle.count(kind)), let sum = names.firstIndex(of: ChaosBundle.sum(kind)) else {
        return nil
      }
      let (counted, summed) = (values[part.columns[count]], values[part.columns[sum]])
      if counted.isNaN, summed.isNaN {
        isMissing = true
      } else if counted.isNaN || summed.isNaN {
        return nil
      } else if let found = bounds.problem(kind, transaction, count: counted, sum: summed) {
        problem = "of the \(kind) \(found)"
      }
    }
    return isMissing == flags.contains(.degraded) ? problem : nil
  }

  /// `"flags":["late"]`.
  private static func flags(of line: [UInt8]) -> Decision.Flags? {
    guard let list = text(after: "\"flags\":[", to: "]", in: line) else { return nil }
    return Decision.Flags.names.reduce(into: Decision.Flags()) { flags, name in
      if list.contains("\"\(name.1)\"") { flags.insert(name.0) }
    }
  }

  /// `"features":{"name":1.5,"other":null}`, all of them in their order.
  private static func values(of line: [UInt8], _ names: [String]) -> [Double]? {
    guard let list = text(after: "\"features\":{", to: "}", in: line) else { return nil }
    let cells = list.split(separator: ",", omittingEmptySubsequences: false)
    guard cells.count == names.count else { return nil }
    var values: [Double] = []
    for (cell, name) in zip(cells, names) {
      guard cell.hasPrefix("\"\(name)\":") else { return nil }
      let text = cell.dropFirst(name.utf8.count + 3)
      guard let value = text == "null" ? .nan : Double(text) else { return nil }
      values.append(value)
    }
    return values
  }

  /// `"bundle":"<32 hex>"`.
  private static func bundle(of line: [UInt8]) -> BundleID? {
    text(after: "\"bundle\":\"", in: line).flatMap { BundleID($0) }
  }

  private static func decidedTime(of line: [UInt8]) -> Int64? {
    guard let text = text(after: "\"decided_time\":\"", in: line) else { return nil }
    let bytes = Array(text.utf8)
    return try? Timestamp.parse(bytes.span.bytes)
  }

  private static func text(after key: String, to end: Character = "\"", in line: [UInt8]) -> String? {
    let wanted = Array(key.utf8)
    guard line.count > wanted.count else { return nil }
    for start in 0..<line.count - wanted.count where line[start] == wanted[0] && line[start..<start + wanted.count] == wanted[...] {
      let rest = line[(start + wanted.count)...]
      return rest.firstIndex(of: end.asciiValue!).map { String(decoding: rest[..<$0], as: UTF8.self) }
    }
    return nil
  }
}
