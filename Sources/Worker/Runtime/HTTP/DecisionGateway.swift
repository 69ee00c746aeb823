import Models
import NIOCore
import Wire

/// What the HTTP port needs of its worker. Methods are called on the connection's event loop and must not block; each
/// calls back once, on that loop, whatever happens.
public protocol DecisionGateway: AnyObject, Sendable {
  /// Decides the rows of a `Submit` message, wherever in the cluster they belong. The answer has an outcome for each
  /// row, in order.
  func submit(
    _ payload: [UInt8], on loop: any EventLoop, answer: @escaping @Sendable (Result<Decisions, Failure>) -> Void)

  /// Keeps what could not be read as transactions, at most `Quarantine.recordsMax` at a time. Rows that `submit`
  /// rejects are the gateway's own to keep.
  func quarantine(
    _ records: [Quarantine.Record], on loop: any EventLoop, done: @escaping @Sendable (Failure?) -> Void)

  /// Asked on any thread.
  var isReady: Readiness { get }

  /// Fields that the active bundle's schema has beyond the fixed ones. Asked for each request, on any thread.
  var extraFields: [ExtraFieldSpec] { get }
}

extension DecisionGateway {
  public var extraFields: [ExtraFieldSpec] { [] }
}

/// Whether a worker takes transactions.
public enum Readiness: Equatable, Sendable {
  case ready
  /// Why not, in words for an operator: what is missing, and what it waits for.
  case notReady(String)
}
