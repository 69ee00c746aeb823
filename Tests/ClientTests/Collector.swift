import NIOCore
import Synchronization
import Wire

@testable import Client

/// Submits rows on an event loop, and writes down what becomes of each.
final class Collector: SubmitterDelegate, @unchecked Sendable {
  struct Report: Sendable {
    var times = 0
    var kind = RowAnswer.Kind.failed
    var attempts = 0
    var failure: FailureCode?
    var id = ""
  }

  private let eventLoop: any EventLoop
  private var submitter: Submitter!
  private var rows: [[UInt8]] = []
  private var next = 0
  private var open = 0
  private var promise: EventLoopPromise<[UInt64: Report]>?
  private var reports: [UInt64: Report] = [:]
  private(set) var quarantined: [UInt64: Int] = [:]
  /// Most rows that were ever outstanding.
  private(set) var outstandingMax = 0

  init(on eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  /// Reports by tag, which is the row's index, once there is one for each row and record.
  func run(
    _ client: ClusterClient, rows: [[UInt8]], quarantine: [Quarantine.Record] = [], options: SubmitOptions
  ) async throws -> [UInt64: Report] {
    let promise = eventLoop.makePromise(of: [UInt64: Report].self)
    eventLoop.execute {
      self.promise = promise
      self.rows = rows
      self.open = rows.count + quarantine.count
      self.submitter = Submitter(client, on: self.eventLoop, options: options, delegate: self)
      for (index, record) in quarantine.enumerated() { self.submitter.quarantine(record, tag: UInt64(index)) }
      self.submitterIsReady(self.submitter)
    }
    let reports = try await promise.futureResult.get()
    try await eventLoop.submit { self.submitter.close() }.get()
    return reports
  }

  func submitterIsReady(_ submitter: Submitter) {
    while next < rows.count, submitter.canAccept {
      let row = rows[next]
      submitter.enqueue(row.span.bytes, tag: UInt64(next))
      next += 1
    }
    outstandingMax = max(outstandingMax, submitter.outstanding)
  }

  func submitter(_ submitter: Submitter, answered row: borrowing RowAnswer) {
    var report = reports[row.tag] ?? Report()
    report.times += 1
    report.kind = row.kind
    report.attempts = row.attempts
    report.failure = row.failure
    report.id = Rows.text(TransactionView(trusted: row.record).id)
    reports[row.tag] = report
    closeOne()
  }

  func submitter(_ submitter: Submitter, quarantined tag: UInt64, failure: FailureCode?) {
    if failure == nil { quarantined[tag, default: 0] += 1 }
    closeOne()
  }

  private func closeOne() {
    open -= 1
    if open == 0 { promise?.succeed(reports) }
  }
}
