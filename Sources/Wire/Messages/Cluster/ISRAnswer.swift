/// What became of an `ISRProposal`, with the record as it is now: always of a later version than the one proposed on
/// (R4), so that the proposer knows its maximal ISR again.
public struct ISRAnswer: ClusterMessage {
  public static var kind: FrameKind { .isrAnswer }

  public enum Outcome: UInt8, Sendable, CaseIterable {
    case accepted = 1
    /// The record had changed meanwhile; look at the one that comes with this answer.
    case outdated = 2
    /// The proposer is not the primary of the epoch it names (R3).
    case fenced = 3
    /// The member's disk or process is not the one that the coordinator knows (R1, R6, R9).
    case otherStorage = 4
    /// The member is not placed here, not alive, draining, or lacks the active bundle.
    case notFit = 5
    /// The primary can't remove itself.
    case ownRemoval = 6
  }

  public var outcome: Outcome
  public var record: PartitionRecord

  public init(outcome: Outcome, record: PartitionRecord) {
    self.outcome = outcome
    self.record = record
  }

  public func write(to out: inout WireWriter) {
    out.write(outcome.rawValue)
    record.write(to: &out)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    outcome = try reader.read(code: Outcome.self)
    record = try PartitionRecord(from: &reader)
  }
}
