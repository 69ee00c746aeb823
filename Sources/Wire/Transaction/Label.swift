/// What has become known of a transaction since it was decided: whether it was fraud, and which word on it this is.
///
/// In bytes: u8 finding, u16 version.
public struct Label: Hashable, Sendable {
  public enum Finding: UInt8, Sendable, CaseIterable {
    case legitimate = 1
    case fraud = 2

    /// The word in files, answers and metrics.
    public var name: String {
      switch self {
      case .legitimate: "legitimate"
      case .fraud: "fraud"
      }
    }
  }

  public static var encodedSize: Int { 3 }

  public var finding: Finding
  /// From 1 on: of two labels of one transaction the one with the higher version holds, in whatever order they come.
  public var version: UInt16

  public init(_ finding: Finding, version: UInt16 = 1) {
    precondition(version > 0, "versions of a label begin with 1")
    self.finding = finding
    self.version = version
  }

  public func write(to out: inout WireWriter) {
    out.write(finding.rawValue)
    out.write(version)
  }

  public func append(to out: inout [UInt8]) {
    out.append(finding.rawValue)
    out.append(UInt8(truncatingIfNeeded: version))
    out.append(UInt8(truncatingIfNeeded: version >> 8))
  }

  @_lifetime(reader: copy reader)
  public init(from reader: inout WireReader) throws(WireError) {
    let at = reader.position
    guard let finding = Finding(rawValue: try reader.read(UInt8.self)) else { throw .invalid(at: at, "no such finding of a label") }
    self.finding = finding
    version = try reader.read(UInt16.self)
    guard version > 0 else { throw .invalid(at: at + 1, "versions of a label begin with 1") }
  }

  /// Splits a row of a `Submit` with labels: a transaction record, and the label behind it. The label is nil where it can't be one.
  @_lifetime(copy row)
  public static func record(of row: RawSpan) -> RawSpan { row.extracting(0..<max(0, row.byteCount - encodedSize)) }

  public init?(of row: RawSpan) {
    guard row.byteCount > Self.encodedSize else { return nil }
    var reader = WireReader(row.extracting(row.byteCount - Self.encodedSize..<row.byteCount))
    guard let label = try? Label(from: &reader) else { return nil }
    self = label
  }
}
