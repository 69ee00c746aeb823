import Wire

/// Small facts per partition that must be on disk before a replica answers: the newest coordinator record and the
/// highest epoch it has seen (R2, R3). The caller chooses the bytes.
///
/// The whole file is replaced at each `sync`; it changes with roles, not with transactions. Thread-safe.
public final class RolesStore: Sendable {
  private struct State {
    var facts = RoleFacts()
    var changes: UInt64 = 0
  }

  private static let name = "roles"
  private let directory: String
  private let system: FileSystem
  private let state: Monitor<State>
  /// How many changes are on disk. Held while a file is being replaced.
  private let durable = Monitor<UInt64>(0)

  private init(directory: String, system: FileSystem, facts: RoleFacts) {
    self.directory = directory
    self.system = system
    state = Monitor(State(facts: facts))
  }

  static func open(in directory: String, system: FileSystem) throws(DataDirectoryError) -> RolesStore {
    let path = "\(directory)/\(name)"
    let bytes: [UInt8]?
    do throws(FileError) { bytes = try system.contents(path) } catch { throw .file(error) }
    guard let bytes else { return RolesStore(directory: directory, system: system, facts: RoleFacts()) }
    do throws(WireError) {
      return RolesStore(directory: directory, system: system, facts: try RoleFacts(reading: bytes))
    } catch { throw .roles(path: path, error) }
  }

  /// Replaces what is known of one partition, in memory; nil forgets it. At most `RoleFacts.lengthMax` bytes.
  public func put(_ partition: PartitionID, _ bytes: [UInt8]?) {
    precondition((bytes?.count ?? 0) <= RoleFacts.lengthMax, "facts of a partition are small")
    state.withLock { state in
      guard state.facts.facts[partition] != bytes else { return }
      state.facts.facts[partition] = bytes
      state.changes += 1
    }
  }

  public func get(_ partition: PartitionID) -> [UInt8]? { state.withLock { $0.facts.facts[partition] } }

  /// Everything known, by partition.
  public var all: [(partition: PartitionID, bytes: [UInt8])] {
    state.withLock { $0.facts.facts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
  }

  /// Returns when every `put` before it is on disk. Blocks for some disk writes: not for an event loop. Concurrent
  /// callers share one write. After an error nothing may be answered; a later `sync` writes everything anew.
  public func sync() throws(FileError) {
    let wanted = state.withLock { $0.changes }
    try durable.withLock { (durable) throws(FileError) in
      guard durable < wanted else { return }
      let (facts, changes) = state.withLock { ($0.facts, $0.changes) }
      try system.replaceFile(Self.name, in: directory, with: facts.bytes)
      durable = changes
    }
  }
}
