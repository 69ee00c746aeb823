import Wire

/// Which bundle decides, which one did before, and which one is to decide next (S1).
public struct RolloutRecord: WireValue {
  public var active: BundleID?
  public var previous: BundleID?
  public var candidate: BundleID?

  public init(active: BundleID? = nil, previous: BundleID? = nil, candidate: BundleID? = nil) {
    self.active = active
    self.previous = previous
    self.candidate = candidate
  }

  public func write(to out: inout WireWriter) {
    for id in [active, previous, candidate] {
      out.write((id ?? .none).high)
      out.write((id ?? .none).low)
    }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    active = try Self.readID(from: &reader)
    previous = try Self.readID(from: &reader)
    candidate = try Self.readID(from: &reader)
  }

  private static func readID(from reader: inout WireReader) throws(WireError) -> BundleID? {
    let id = BundleID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
    return id.isNone ? nil : id
  }
}
