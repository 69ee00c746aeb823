/// What an operation would do, step by step, and what the cluster can bear meanwhile.
public struct OperationPlan: WireValue {
  /// A step each, in words.
  public var steps: [String]
  /// How many more workers may fail, whichever they are, with every partition still committing: now, at the worst moment
  /// of the operation, and when it is over.
  public var toleratedNow: Int
  public var toleratedMeanwhile: Int
  public var toleratedAfter: Int

  public static let stepsMax = 256

  public init(steps: [String], toleratedNow: Int, toleratedMeanwhile: Int, toleratedAfter: Int) {
    self.steps = steps
    self.toleratedNow = toleratedNow
    self.toleratedMeanwhile = toleratedMeanwhile
    self.toleratedAfter = toleratedAfter
  }

  public func write(to out: inout WireWriter) {
    out.write(UInt32(steps.count))
    for step in steps { out.write(step) }
    for number in [toleratedNow, toleratedMeanwhile, toleratedAfter] { out.write(UInt8(number)) }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    let count = try reader.readCount(itemSize: 4, limit: Self.stepsMax)
    steps = []
    for _ in 0..<count { steps.append(try reader.readString(limit: ClusterLimit.textLength)) }
    toleratedNow = Int(try reader.read(UInt8.self))
    toleratedMeanwhile = Int(try reader.read(UInt8.self))
    toleratedAfter = Int(try reader.read(UInt8.self))
  }
}
