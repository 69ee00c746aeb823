/// What a submission keeps beside its file (`<file>.assay-progress`), so that the same call after any end goes on where
/// the acknowledged rows stop, and decides none twice.
///
/// Rows up to `reserved` may have been sent by whoever wrote it; nobody sends a row beyond that before a newer checkpoint
/// is on disk. So the next process knows which rows to send with the old `firstSent`, by which the cluster gives back the
/// original decision.
public struct SubmitCheckpoint: Codable, Equatable, Sendable {
  /// What must be the same for the progress to mean anything.
  public struct Identity: Codable, Equatable, Sendable {
    public var size: Int64
    /// Nanoseconds since the Unix epoch.
    public var modified: Int64
    /// SHA-256 of the first MiB, hexadecimal.
    public var head: String
    public var format: String
    /// SHA-256 of the field mapping and the schema, hexadecimal; empty for none.
    public var mapping: String
    public var cluster: String
    /// Absolute path of the file of decisions; empty for none.
    public var output: String
    public var withFeatures: Bool
  }

  public static let currentVersion = 1

  public var version = Self.currentVersion
  public var identity: Identity
  /// Bytes of the file up to which every row has an outcome, and the line that begins there, from 1.
  public var offset: Int64
  public var line: Int
  /// Bytes of the file up to which rows may have been sent.
  public var reserved: Int64
  /// Milliseconds since the Unix epoch; no row beyond `offset` was sent before.
  public var firstSent: Int64
  /// Bytes of the decisions of the rows before `offset`.
  public var outputLength: Int64
  public var counters: SubmitCounters
  public var isComplete: Bool

  /// Nothing done yet.
  public init(_ identity: Identity, now: Int64) {
    self.identity = identity
    offset = 0
    line = 1
    reserved = 0
    firstSent = now
    outputLength = 0
    counters = SubmitCounters()
    isComplete = false
  }

  /// Why this checkpoint is not one of `other`, as the end of a sentence about the file; nil if it is.
  public func mismatch(_ other: Identity) -> String? {
    let own = identity
    if own.size != other.size || own.modified != other.modified || own.head != other.head { return "the file has changed" }
    if own.format != other.format { return "it was read as \(own.format)" }
    if own.mapping != other.mapping { return "the field mapping or the schema has changed" }
    if own.cluster != other.cluster { return "it went to cluster \(own.cluster)" }
    if own.output != other.output {
      return own.output.isEmpty ? "its decisions were not written to a file" : "its decisions went to \(own.output)"
    }
    if own.withFeatures != other.withFeatures { return "--with-features was \(own.withFeatures ? "" : "not ")given" }
    return nil
  }
}
