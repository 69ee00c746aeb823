import Foundation
import Models
import Wire

/// Decides everything once more: a fresh engine, one thread, fed with each partition's transactions in the order of its log.
/// What it says must be what the cluster said, to the last byte of the decision's line: features, score, action, reasons,
/// flags.
struct Oracle {
  let ledgers: [UInt32: Ledger]
  let bundles: [BundleID: Models.Bundle]

  struct Outcome {
    var decisions = 0
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
    var table = FeatureHistories(features: features)
    var row = [Double](repeating: 0, count: features.count)
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
      let seen = row.withUnsafeMutableBufferPointer { table.observe(transaction, keyHash: key, into: $0) }
      let decision = row.withUnsafeBufferPointer { values in
        scores.withUnsafeMutableBufferPointer { scores in
          Self.decide(bundle, values, seen, scores, &scratch)
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
    _ bundle: Models.Bundle, _ values: UnsafeBufferPointer<Double>, _ seen: Observation, _ scores: UnsafeMutableBufferPointer<Float>,
    _ scratch: inout ModelScratch
  ) -> Decision {
    scores[0] = 0
    bundle.model?.score(rows: values, rowCount: 1, stride: values.count, into: scores, scratch: &scratch)
    let action = bundle.policy.action(scores[0])
    var flags: Decision.Flags = []
    if seen.contains(.late) { flags.insert(.late) }
    if seen.contains(.outOfOrder) { flags.insert(.outOfOrder) }
    if seen.contains(.warming) { flags.insert(.warming) }
    if seen.contains(.truncated) { flags.insert(.truncated) }
    return Decision(
      score: scores[0], action: action, verdict: action == .approve ? .clear : .potentialFraud, flags: flags,
      reasons: action == .approve ? Decision.noReasons : bundle.reasons(for: values))
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

  private static func text(after key: String, in line: [UInt8]) -> String? {
    let wanted = Array(key.utf8)
    guard line.count > wanted.count else { return nil }
    for start in 0..<line.count - wanted.count where line[start] == wanted[0] && line[start..<start + wanted.count] == wanted[...] {
      let rest = line[(start + wanted.count)...]
      return rest.firstIndex(of: UInt8(ascii: "\"")).map { String(decoding: rest[..<$0], as: UTF8.self) }
    }
    return nil
  }
}
