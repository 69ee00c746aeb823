import Models
import NIOCore
import Wire

/// The worker as its HTTP port sees it.
final class NodeGateway: DecisionGateway {
  private let node: WorkerNode

  init(_ node: WorkerNode) { self.node = node }

  func submit(_ payload: [UInt8], on loop: any EventLoop, answer: @escaping @Sendable (Result<Decisions, Failure>) -> Void) {
    node.loop(on: loop).submitted(payload, answer: answer)
  }

  func quarantine(_ records: [Quarantine.Record], on loop: any EventLoop, done: @escaping @Sendable (Failure?) -> Void) {
    node.loop(on: loop).quarantine(records, done: done)
  }

  var isReady: Readiness { node.unreadiness.map(Readiness.notReady) ?? .ready }
  var extraFields: [ExtraFieldSpec] { node.extraFields }
}
