/// The first frame of a connection, from whoever opened it. The answer is `HelloAccepted` or `Failure`.
public struct Hello: ClusterMessage {
  public static var kind: FrameKind { .hello }

  /// The protocol versions that the sender speaks.
  public var versions: ClosedRange<UInt8>
  public var identity: LinkIdentity

  public init(versions: ClosedRange<UInt8> = FrameHeader.versions, identity: LinkIdentity) {
    self.versions = versions
    self.identity = identity
  }

  /// The highest version that both have, nil where there is none.
  public func version(spokenWith mine: ClosedRange<UInt8> = FrameHeader.versions) -> UInt8? {
    versions.overlaps(mine) ? min(versions.upperBound, mine.upperBound) : nil
  }

  public func write(to out: inout WireWriter) {
    out.write(versions.lowerBound)
    out.write(versions.upperBound)
    identity.write(to: &out)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    let lowest = try reader.read(UInt8.self)
    let highest = try reader.read(UInt8.self)
    guard lowest <= highest else {
      throw WireError.invalid(at: reader.position - 2, "versions \(lowest) to \(highest) are no range")
    }
    versions = lowest...highest
    identity = try LinkIdentity(from: &reader)
  }
}
