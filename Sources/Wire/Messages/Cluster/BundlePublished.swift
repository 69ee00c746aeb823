/// The bundle is in the store, durably. Whether it decides already is in `state`; the map tells when it does.
public struct BundlePublished: ClusterMessage {
  public static var kind: FrameKind { .bundlePublished }

  public enum State: UInt8, Sendable, CaseIterable {
    case stored = 1
    /// In-sync workers are loading it.
    case candidate = 2
    case active = 3
  }

  public var bundle: BundleID
  public var state: State
  public var map: MapVersion

  public init(bundle: BundleID, state: State, map: MapVersion) {
    self.bundle = bundle
    self.state = state
    self.map = map
  }

  public func write(to out: inout WireWriter) {
    out.write(bundle)
    out.write(state.rawValue)
    out.write(map.rawValue)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    bundle = try reader.read(id: BundleID.self)
    state = try reader.read(code: State.self)
    map = MapVersion(try reader.read(UInt64.self))
  }
}
