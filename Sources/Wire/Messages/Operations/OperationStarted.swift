/// The plan of an operation and, unless only that was asked for, its record: it is in the store.
public struct OperationStarted: ClusterMessage {
  public static var kind: FrameKind { .operationStarted }

  public var plan: OperationPlan
  public var record: OperationRecord?

  public init(plan: OperationPlan, record: OperationRecord?) {
    self.plan = plan
    self.record = record
  }

  public func write(to out: inout WireWriter) {
    plan.write(to: &out)
    out.write(optional: record)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    plan = try OperationPlan(from: &reader)
    record = try reader.read(optional: OperationRecord.self)
  }
}
