/// A policy bundle's file. Whoever gets it checks that it hashes to its id before use.
public struct BundleContent: ClusterMessage {
  public static var kind: FrameKind { .bundleContent }

  public var bundle: BundleID
  public var contents: [UInt8]

  public init(bundle: BundleID, contents: [UInt8]) {
    self.bundle = bundle
    self.contents = contents
  }

  public func write(to out: inout WireWriter) {
    out.write(bundle)
    out.write(block: contents)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    bundle = try reader.read(id: BundleID.self)
    contents = try reader.readBlock(limit: ClusterLimit.bundleSize)
  }
}
