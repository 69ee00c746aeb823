/// One change of the truth: all of it or nothing, and only if nobody else has changed what it was decided on (R1).
public struct MetadataTransaction: Equatable, Sendable {
  public struct Condition: Equatable, Sendable {
    public var key: MetadataKey
    /// The store's revision at which the key was last put; 0 for a key that must not exist.
    public var revision: UInt64

    public init(key: MetadataKey, revision: UInt64) {
      self.key = key
      self.revision = revision
    }
  }

  public struct Put: Equatable, Sendable {
    public var key: MetadataKey
    public var value: [UInt8]

    public init(key: MetadataKey, value: [UInt8]) {
      self.key = key
      self.value = value
    }
  }

  /// All must hold.
  public var conditions: [Condition]
  public var puts: [Put]
  public var deletes: [MetadataKey]
  /// The store's revision afterwards is at least this. For restores: maps carry the revision, and none may look older than those of before.
  public var revisionMin: UInt64 = 0

  public init(conditions: [Condition] = [], puts: [Put] = [], deletes: [MetadataKey] = []) {
    self.conditions = conditions
    self.puts = puts
    self.deletes = deletes
  }

  /// Puts `key` if it is still as it was at `revision`.
  public mutating func replace(_ key: MetadataKey, at revision: UInt64, with value: [UInt8]) {
    conditions.append(Condition(key: key, revision: revision))
    puts.append(Put(key: key, value: value))
  }
}
