import NIOCore
import Synchronization

@testable import Coordinator

/// A way to etcd that loses what it is told to lose.
final class LossyGateway: EtcdGateway {
  enum Loss: CaseIterable {
    /// The request does not arrive.
    case request
    /// It is carried out, and nobody hears of it.
    case answer
    /// It is carried out, nobody hears of it, and a copy arrives once more, later.
    case answerAndRepeatLater
  }

  private let gateway: any EtcdGateway
  private let losses = Mutex<[Loss]>([])
  private let late = Mutex<[@Sendable () async -> Void]>([])

  init(_ gateway: any EtcdGateway) { self.gateway = gateway }

  var endpoints: [String] { gateway.endpoints }

  /// Of the next calls, in this order.
  func lose(_ next: [Loss]) { losses.withLock { $0 += next } }

  /// Copies that have been on their way for long arrive now.
  func deliverLate() async {
    let all = late.withLock { late in
      defer { late = [] }
      return late
    }
    for deliver in all { await deliver() }
  }

  func call<Answer: Codable & Sendable>(
    _ path: String, _ request: some Codable & Sendable, as: Answer.Type, within timeout: TimeAmount
  ) async throws(EtcdError) -> Answer {
    let loss = losses.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    let lost = EtcdError.unreachable(endpoint: endpoints[0], "lost")
    if loss == .request { throw lost }
    await deliverLate()
    let answer = try await gateway.call(path, request, as: Answer.self, within: timeout)
    guard loss != nil else { return answer }
    if loss == .answerAndRepeatLater {
      let gateway = gateway
      late.withLock { $0.append { _ = try? await gateway.call(path, request, as: Answer.self, within: timeout) } }
    }
    throw lost
  }
}
