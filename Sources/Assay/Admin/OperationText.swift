import Client
import Foundation
import Wire

/// Operations for people.
enum OperationText {
  static func what(_ request: OperationRequest, _ map: ClusterMap) -> String {
    func name(_ id: NodeID) -> String { map.node(id)?.name ?? "\(id)" }
    return switch request {
    case .drain(let node): "drain \(name(node))"
    case .undrain(let node): "undrain \(name(node))"
    case .remove(let node): "remove \(name(node))"
    case .rebalance: "rebalance"
    case .giveUp(let node, let reason): "give up \(name(node)): \(reason)"
    case .move(let partition, let from, let to): "move \(partition) from \(name(from)) to \(name(to))"
    case .handOver(let partition, let to): "hand \(partition) over to \(name(to))"
    case .split(let partition, let at): "split \(partition) at \(at)"
    case .merge(let a, let b): "merge \(a) and \(b)"
    case .forceElection(let partition, let node, let reason): "force-elect \(name(node)) for \(partition): \(reason)"
    }
  }

  static func line(_ record: OperationRecord, _ map: ClusterMap) -> String {
    "\(record.id.rawValue)  \(time(record.startedAt))  \(record.state)  \(what(record.request, map))"
      + (record.note.isEmpty ? "" : "  (\(record.note))")
  }

  static func lines(_ record: OperationRecord, _ map: ClusterMap) -> [String] {
    var lines = [
      "operation  \(record.id.rawValue)", "what       \(what(record.request, map))", "state      \(record.state)",
      "asked by   \(record.requester)", "started    \(time(record.startedAt))",
    ]
    if record.endedAt > 0 { lines.append("ended      \(time(record.endedAt))") }
    if !record.note.isEmpty { lines.append("note       \(record.note)") }
    return lines
  }

  static func lines(_ plan: OperationPlan) -> [String] {
    ["plan:"] + plan.steps.map { "  - \($0)" } + [
      "more workers that may fail with every partition still committing: \(plan.toleratedNow) now, "
        + "\(plan.toleratedMeanwhile) meanwhile, \(plan.toleratedAfter) afterwards"
    ]
  }

  static func time(_ milliseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
  }
}

extension AdminClient {
  /// What every command does that begins an operation: shows the plan, or begins it and perhaps waits.
  func carryOut(_ request: OperationRequest, dryRun: Bool, wait: Bool, timeout: Int, _ map: ClusterMap) async throws {
    if dryRun {
      for line in OperationText.lines(try await plan(request)) { print(line) }
      return
    }
    let record = try await start(request)
    guard wait else {
      print(
        "operation \(record.id.rawValue) began: \(OperationText.what(request, map)); 'assay operation show \(record.id.rawValue)' tells how far it is"
      )
      return
    }
    let ended = try await untilFinished(record.id, timeout: .seconds(timeout)) { record in
      if !record.note.isEmpty, !record.state.isOver { print(record.note) }
    }
    print(ended.note)
  }
}
