/// Gives the cluster a policy bundle, or names the one that shall decide.
public struct PublishBundle: ClusterMessage {
  public static var kind: FrameKind { .publishBundle }

  public enum Step: UInt8, Sendable, CaseIterable {
    /// Keep it; nothing decides by it yet.
    case store = 1
    /// Keep it, have every in-sync worker load it, then make it active (S1).
    case storeAndActivate = 2
    /// Make a stored one active in the same way: a roll-back, or the second step of a `store`. Carries no contents.
    case activate = 3
  }

  public var bundle: BundleID
  public var step: Step
  /// The bundle's file, at most `ClusterLimit.bundleSize` bytes. Empty for `activate`, and only there.
  public var contents: [UInt8]

  public init(bundle: BundleID, step: Step, contents: [UInt8] = []) {
    self.bundle = bundle
    self.step = step
    self.contents = contents
  }

  public func write(to out: inout WireWriter) {
    out.write(bundle)
    out.write(step.rawValue)
    out.write(block: contents)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    let start = reader.position
    bundle = try reader.read(id: BundleID.self)
    step = try reader.read(code: Step.self)
    contents = try reader.readBlock(limit: ClusterLimit.bundleSize)
    guard !bundle.isNone else { throw .invalid(at: start, "a bundle has an id") }
    guard contents.isEmpty == (step == .activate) else {
      throw .invalid(at: start + 17, "a bundle is stored with contents and activated without")
    }
  }
}
