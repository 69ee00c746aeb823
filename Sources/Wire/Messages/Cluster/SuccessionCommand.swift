/// The coordinator to every worker with a copy of the parents: what is to be done in a split or a merge. Sent again until
/// the reports say that it has been.
public struct SuccessionCommand: ClusterMessage {
  public static var kind: FrameKind { .successionCommand }

  public enum Action: UInt8, Sendable, CaseIterable {
    /// Seal the parents, and make the children.
    case prepare = 1
    /// The coordinator has logged that nothing comes of it: unseal, and forget the children.
    case abort = 2
    /// R6: to one worker, which nobody has elected: go on with what there is, under the child's id.
    case force = 3
  }

  public var action: Action
  public var succession: Succession
  /// Of the parents' records, in their order. To `prepare` is only for a primary by this very version, so that a late one
  /// seals nothing again; to `abort` for one that knows this version or a later one.
  public var versions: [RecordVersion]

  public init(_ action: Action, _ succession: Succession, versions: [RecordVersion]) {
    self.action = action
    self.succession = succession
    self.versions = versions
  }

  public func write(to out: inout WireWriter) {
    out.write(action.rawValue)
    succession.write(to: &out)
    for version in versions { out.write(version.rawValue) }
  }

  public init(from reader: inout WireReader) throws(WireError) {
    action = try reader.read(code: Action.self)
    succession = try Succession(from: &reader)
    versions = []
    for _ in succession.parents { versions.append(RecordVersion(try reader.read(UInt64.self))) }
  }
}
