/// Asks for a stored bundle's contents. The answer is a `BundleContent`, or a `failure` if there is none of that id.
public struct BundleRequest: ClusterMessage {
  public static var kind: FrameKind { .bundleRequest }

  public var bundle: BundleID

  public init(bundle: BundleID) { self.bundle = bundle }

  public func write(to out: inout WireWriter) { out.write(bundle) }

  public init(from reader: inout WireReader) throws(WireError) { bundle = try reader.read(id: BundleID.self) }
}
