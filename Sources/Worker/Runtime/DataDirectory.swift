import Glibc
import Wire

/// A worker's data directory: who it is, and that nobody else uses it.
///
/// ```
/// lock                     held while a process has the directory open; holds its process id
/// identity                 cluster, node, storage id, incarnation, state (DirectoryIdentity); replaced as a whole
/// storage-<storage id>/    everything that one storage id stands for: journal/, snapshots/, roles
/// outbox/                  decisions, alerts and quarantine for others to read
/// ```
/// The incarnation is raised, on disk, before `open` returns. A directory whose storage was distrusted gets a new storage
/// id and an empty storage directory; the old one stays, for people, until they remove it.
public final class DataDirectory: Sendable {
  /// What the last process left behind.
  public enum Found: Equatable, Sendable {
    case new
    case clean
    /// It died, or was killed. Under `durability: replicated` this counts as a new storage (R6).
    case unclean
    case distrusted(reason: String, previous: StorageID)
  }

  public let path: String
  public let found: Found
  public let roles: RolesStore
  private let system: FileSystem
  private let lock: File
  private let current: Monitor<DirectoryIdentity>

  public var identity: DirectoryIdentity { current.withLock { $0 } }
  public var storagePath: String { Self.storagePath(path, identity.storage) }
  /// Bytes that this process may still write here; 0 when that can't be told.
  public var freeBytes: UInt64 { UInt64(max(0, system.freeBytes(path))) }
  public var journalPath: String { storagePath + "/journal" }
  public var snapshotPath: String { storagePath + "/snapshots" }
  public var outboxPath: String { path + "/outbox" }

  static func storagePath(_ path: String, _ storage: StorageID) -> String { "\(path)/storage-\(storage)" }

  /// Opens or creates the directory. `random` gives 64 random bits a call. `countUncleanAsNew`: under `durability:
  /// replicated` storage that was not closed properly gets a new storage id (R6).
  public static func open(
    path: String, cluster: ClusterID, countUncleanAsNew: Bool = false, random: () -> UInt64
  ) throws(DataDirectoryError) -> DataDirectory {
    try open(path: path, cluster: cluster, countUncleanAsNew: countUncleanAsNew, system: .posix, random: random)
  }

  static func open(
    path: String, cluster: ClusterID, countUncleanAsNew: Bool, system: FileSystem, random: () -> UInt64
  ) throws(DataDirectoryError) -> DataDirectory {
    do throws(FileError) { try system.createDirectory(path) } catch { throw .file(error) }
    let lock = try takeLock(path, system)
    do throws(DataDirectoryError) {
      return try DataDirectory(path, cluster, countUncleanAsNew, lock, system, random)
    } catch {
      lock.close()
      throw error
    }
  }

  private init(
    _ path: String, _ cluster: ClusterID, _ countUncleanAsNew: Bool, _ lock: File, _ system: FileSystem,
    _ random: () -> UInt64
  ) throws(DataDirectoryError) {
    self.path = path
    self.lock = lock
    self.system = system
    var identity: DirectoryIdentity
    if let before = try Self.readIdentity(path, system) {
      guard before.cluster == cluster else { throw .otherCluster(path: path, its: before.cluster, ours: cluster) }
      identity = before
      switch before.state {
      case .clean: found = .clean
      case .open where countUncleanAsNew:
        found = .distrusted(reason: "it was not closed properly", previous: before.storage)
      case .open: found = .unclean
      case .distrusted(let reason): found = .distrusted(reason: reason, previous: before.storage)
      }
      identity.incarnation = Incarnation(before.incarnation.rawValue + 1)
    } else {
      found = .new
      identity = DirectoryIdentity(
        cluster: cluster, node: nil, storage: .none, incarnation: Incarnation(1), state: .open)
    }
    switch found {
    case .new, .distrusted: identity.storage = StorageID(high: random(), low: random())
    case .clean, .unclean: break
    }
    identity.state = .open
    current = Monitor(identity)
    do throws(FileError) {
      try system.createDirectory(Self.storagePath(path, identity.storage))
      try system.replaceFile("identity", in: path, with: identity.bytes)
    } catch { throw .file(error) }
    roles = try RolesStore.open(in: Self.storagePath(path, identity.storage), system: system)
  }

  private static func readIdentity(_ path: String, _ system: FileSystem) throws(DataDirectoryError)
    -> DirectoryIdentity?
  {
    let bytes = try DataDirectoryError.files { () throws(FileError) in
      try system.contents("\(path)/identity", limit: 64 * 1024)
    }
    if let bytes {
      do throws(DirectoryIdentityError) { return try DirectoryIdentity(reading: bytes) } catch {
        throw .identity(path: path, error)
      }
    }
    // A storage directory without contents is what a first start leaves that was killed on its way.
    let names = try DataDirectoryError.files { () throws(FileError) in try system.directoryEntries(path) }
    for name in names where name.hasPrefix("storage-") {
      let inside = try DataDirectoryError.files { () throws(FileError) in try system.directoryEntries("\(path)/\(name)") }
      guard inside.isEmpty else { throw .identityMissing(path: path) }
    }
    return nil
  }

  private static func takeLock(_ path: String, _ system: FileSystem) throws(DataDirectoryError) -> File {
    let name = "\(path)/lock"
    let file = try DataDirectoryError.files { () throws(FileError) in try system.openFile(name, O_RDWR | O_CREAT) }
    let locked = system.lock(file.descriptor)
    guard locked == 0 else {
      let code = Int32(-locked)
      defer { file.close() }
      guard code == EWOULDBLOCK else { throw .file(FileError(call: "lock", path: name, code: code)) }
      let holder = (try? file.read(32, at: 0)) ?? []
      throw .inUse(path: path, process: Int32(String(decoding: holder.prefix { $0 >= 48 && $0 <= 57 }, as: UTF8.self)))
    }
    do throws(FileError) {
      try file.truncate(to: 0)
      try file.write(Array("\(getpid())\n".utf8), at: 0)
      return file
    } catch {
      file.close()
      throw .file(error)
    }
  }

  /// Takes the number that the coordinator gave. It never changes afterwards.
  public func assign(node: NodeID) throws(DataDirectoryError) {
    if let known = identity.node, known != node { throw .otherNode(path: path, its: known, ours: node) }
    try change { $0.node = node }
  }

  /// Goes above an incarnation that the coordinator knows of this node (a wiped directory counts from 1 again).
  public func raiseIncarnation(above known: Incarnation) throws(DataDirectoryError) {
    try change { $0.incarnation = max($0.incarnation, Incarnation(known.rawValue + 1)) }
  }

  /// Marks the storage as not to be relied on: the next open gives it a new storage id (R15). Then stop the process.
  public func distrust(reason: String) throws(DataDirectoryError) {
    try change { $0.state = .distrusted(reason) }
  }

  /// Says that everything is on disk. The last call before `close`; not after `distrust`.
  public func markClean() throws(DataDirectoryError) {
    try change { if $0.state == .open { $0.state = .clean } }
  }

  /// Gives the directory free for another process.
  public func close() { lock.close() }

  private func change(_ body: (inout DirectoryIdentity) -> Void) throws(DataDirectoryError) {
    do throws(FileError) {
      try current.withLock { (identity) throws(FileError) in
        var changed = identity
        body(&changed)
        guard changed != identity else { return }
        try system.replaceFile("identity", in: path, with: changed.bytes)
        identity = changed
      }
    } catch { throw .file(error) }
  }
}

public enum DataDirectoryError: Error, Equatable, Sendable, CustomStringConvertible {
  case file(FileError)
  case inUse(path: String, process: Int32?)
  case otherCluster(path: String, its: ClusterID, ours: ClusterID)
  case otherNode(path: String, its: NodeID, ours: NodeID)
  case coordinators(path: String)
  case identity(path: String, DirectoryIdentityError)
  case identityMissing(path: String)
  case roles(path: String, WireError)

  /// Runs file calls whose errors become this type's.
  static func files<R>(_ body: () throws(FileError) -> R) throws(DataDirectoryError) -> R {
    do throws(FileError) { return try body() } catch { throw .file(error) }
  }

  public var description: String {
    switch self {
    case .file(let error): "the data directory can't be used: \(error)"
    case .inUse(let path, let process):
      "data directory \(path) is in use by \(process.map { "process \($0)" } ?? "another process"); stop that one, or name another directory"
    case .otherCluster(let path, let its, let ours):
      "data directory \(path) belongs to cluster \(its), not to \(ours); name another directory"
    case .otherNode(let path, let its, let ours):
      "data directory \(path) is node \(its.rawValue)'s, but this worker is node \(ours.rawValue); name another directory"
    case .coordinators(let path): "data directory \(path) is a coordinator's; name another directory"
    case .identity(let path, .version(let version)):
      "data directory \(path) has format \(version); this build reads format \(DirectoryIdentity.formatVersion). Start it with the build that wrote it"
    case .identity(let path, .damaged(let what)):
      "\(path)/identity is damaged: \(what). Start with a new, empty directory, and the replicas are repaired from the others"
    case .identityMissing(let path):
      "\(path) holds a worker's data but no identity file; put that file back, or name an empty directory"
    case .roles(let path, let error):
      "\(path) is damaged: \(error). Start with a new, empty directory, and the replicas are repaired from the others"
    }
  }
}
