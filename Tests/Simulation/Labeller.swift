import Wire

@testable import Client

/// What a client's machine learns of its payments later: labels for some, one after the other, each of a higher version; and what
/// became of each.
final class Labeller: SubmitterDelegate {
  struct Row {
    /// A transaction record with its label.
    var bytes: [UInt8]
    var firstSent: Int64
    var isOut = false
    var isApplied = false
  }

  private let name: String
  private let world: World
  private(set) var rows: [Row] = []
  private var submitter: Submitter?
  /// By the payment's place in its client's book.
  private var versions: [Int: UInt16] = [:]
  private var isDying = false

  init(_ name: String, _ world: World) {
    self.name = name
    self.world = world
  }

  var outstanding: Int { rows.reduce(0) { $0 + ($1.isOut ? 1 : 0) } }

  /// A new process sends what it has no answer to again.
  func start(_ client: ClusterClient, on loop: Loop, _ options: SubmitOptions) {
    var options = options
    options.isOfLabels = true
    submitter = Submitter(client, on: loop, options: options, delegate: self)
    for tag in rows.indices where rows[tag].isOut { send(tag, isNew: false) }
  }

  func close() {
    isDying = true
    submitter?.close()
    isDying = false
  }

  /// The payment is labelled, whatever was said of it before.
  func label(_ payment: Int, _ record: [UInt8]) {
    let version = versions[payment, default: 0] + 1
    versions[payment] = version
    var row = Row(bytes: record, firstSent: world.wall)
    Label(world.random.below(3) == 0 ? .legitimate : .fraud, version: version).append(to: &row.bytes)
    rows.append(row)
    send(rows.count - 1, isNew: true)
  }

  private func send(_ tag: Int, isNew: Bool) {
    rows[tag].isOut = true
    let bytes = rows[tag].bytes
    submitter?.enqueue(bytes.span.bytes, tag: UInt64(tag), firstSent: isNew ? nil : rows[tag].firstSent)
  }

  func submitter(_ submitter: Submitter, answered row: borrowing RowAnswer) {
    guard !isDying else { return }
    let tag = Int(row.tag)
    rows[tag].isOut = false
    switch row.kind {
    case .decided, .alreadyDecided: rows[tag].isApplied = true
    // Of a payment that came too late for its card's history nothing is kept; two labels of one may pass each other.
    case .rejected where row.rejection?.reason == .unknownTransaction || row.rejection?.reason == .outdatedLabel: break
    case .rejected, .failed:
      world.fail("\(name)'s label \(tag) was not applied: \(row.rejection, default: "\(row.failure, default: "no reason")")")
    }
    world.mix(row.offset.rawValue)
  }

  /// Whether the payment has a label of a higher version in the log: then a lower one with the same finding is a repetition.
  func isCovered(_ tag: Int, by logged: Set<[UInt8]>) -> Bool {
    let own = rows[tag].bytes
    return rows.contains { other in
      other.bytes.count == own.count && other.bytes.dropLast(2) == own.dropLast(2) && logged.contains(other.bytes)
    }
  }

  func submitter(_ submitter: Submitter, quarantined tag: UInt64, failure: FailureCode?) {}
  func submitterIsReady(_ submitter: Submitter) {}
}
