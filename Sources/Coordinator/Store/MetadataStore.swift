/// Where the truth lies: embedded (`EmbeddedStore`), or shared by several coordinators (`EtcdStore`).
///
/// A store has one revision, raised by each transaction that commits (by one, or up to its `revisionMin`); a key carries the
/// revision at which it was last put. One commit or load is under way at a time; values may be read meanwhile. Every call may
/// take as long as the disk or the network does, so none is made on an event loop.
public protocol MetadataStore: Sendable {
  /// Everything, but for the values under `MetadataKey.bundlePrefix`, which come empty.
  func load() async throws(MetadataStoreError) -> MetadataSnapshot

  /// The new revision once the change is durable; nil if a condition does not hold, and then nothing has changed.
  /// Returns only when it knows which: an answer that was lost on its way is looked up, never guessed.
  func commit(_ transaction: MetadataTransaction) async throws(MetadataStoreError) -> UInt64?

  /// One value, nil where there is none.
  func value(of key: MetadataKey) async throws(MetadataStoreError) -> [UInt8]?
}

/// The store's contents at one revision.
public struct MetadataSnapshot: Equatable, Sendable {
  public struct Entry: Equatable, Sendable {
    public var value: [UInt8]
    public var revision: UInt64

    public init(value: [UInt8], revision: UInt64) {
      self.value = value
      self.revision = revision
    }
  }

  public var revision: UInt64
  public var entries: [MetadataKey: Entry]

  public init(revision: UInt64 = 0, entries: [MetadataKey: Entry] = [:]) {
    self.revision = revision
    self.entries = entries
  }

  /// Whether `transaction` may commit on this.
  public func admits(_ transaction: MetadataTransaction) -> Bool {
    transaction.conditions.allSatisfy { (entries[$0.key]?.revision ?? 0) == $0.revision }
  }

  /// What the contents are after `transaction`, whose conditions hold.
  public mutating func apply(_ transaction: MetadataTransaction) {
    revision = max(revision + 1, transaction.revisionMin)
    for put in transaction.puts { entries[put.key] = Entry(value: put.value, revision: revision) }
    for key in transaction.deletes { entries[key] = nil }
  }
}

/// Why the metadata store can't be used. One line: what happened, to what, and what to do.
public struct MetadataStoreError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Code: Sendable {
    /// Another coordinator has the directory.
    case locked
    /// Of another version of this program.
    case format
    case damaged
    case full
    case io
    /// Another coordinator leads, or this one can't tell any more whether it does (R1).
    case deposed
  }

  public var code: Code
  public var description: String

  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
