import Foundation
import Glibc
import Logging
import NIOPosix
import Wire

extension Coordinator {
  /// Puts a backup's contents in the place of the store's, while no coordinator runs. Returns what that does, line by line.
  ///
  /// - Parameters:
  ///   - requester: who does it, for the audit log.
  ///   - dryRun: only says what would be done.
  public static func restore(
    _ backup: BackupFile, _ config: CoordinatorConfig, by requester: String, reason: String, dryRun: Bool, logger: Logger
  ) async throws -> [String] {
    guard backup.name == config.clusterName else {
      throw MetadataStoreError(
        .format, "the backup is of the cluster '\(backup.name)', the configuration of '\(config.clusterName)': correct one of them")
    }
    guard backup.emptyBundles.isEmpty else {
      throw MetadataStoreError(.damaged, "the backup lacks the contents of bundle \(backup.emptyBundles[0]): use another one")
    }
    // Before anything is touched.
    _ = try ClusterState(backup.contents)
    func write(_ store: some MetadataStore, _ setAside: String?) async throws -> [String] {
      let restoration = try Restoration(
        backup, over: try await store.load(), by: requester, reason: reason, wall: SystemClock.wall())
      if dryRun { return restoration.steps }
      guard try await store.commit(restoration.transaction) != nil else {
        throw MetadataStoreError(.locked, "another program writes to the store: stop it first")
      }
      return (setAside.map { ["the damaged store was set aside as \($0)"] } ?? []) + restoration.steps
    }
    if let etcd = config.etcd { return try await restoreShared(etcd, logger: logger) { try await write($0, nil) } }
    let lock = try DirectoryLock(config.data)
    defer { lock.release() }
    try Founding.checkOwner(of: config.data)
    let (store, setAside) = try openOrSetAside(config.data, dryRun: dryRun)
    do {
      let steps = try await write(store, setAside)
      await store.close()
      return steps
    } catch {
      await store.close()
      throw error
    }
  }

  /// The store, or an empty one in the place of one that can't be read.
  private static func openOrSetAside(_ directory: String, dryRun: Bool) throws -> (EmbeddedStore, String?) {
    let path = "\(directory)/\(SQLiteStore.fileName)"
    do throws(MetadataStoreError) {
      let store = try SQLiteStore(directory: directory)
      defer { store.close() }
      let snapshot = try store.load()
      if !snapshot.entries.isEmpty { _ = try ClusterState(snapshot) }
    } catch {
      guard error.code == .damaged else { throw error }
      guard !dryRun else { throw error }
      let aside = "\(path).damaged-\(SystemClock.wall())"
      for suffix in ["", "-wal", "-shm"] where access(path + suffix, F_OK) == 0 {
        guard rename(path + suffix, aside + suffix) == 0 else {
          throw MetadataStoreError(.io, "can't rename \(path + suffix): \(String(cString: strerror(errno)))")
        }
      }
      return (try EmbeddedStore(directory: directory), aside)
    }
    return (try EmbeddedStore(directory: directory), nil)
  }

  /// Leads for as long as it writes, so that nobody else can (R1).
  private static func restoreShared(
    _ config: EtcdConfig, logger: Logger, _ body: (EtcdStore) async throws -> [String]
  ) async throws -> [String] {
    let group = MultiThreadedEventLoopGroup.singleton
    let client = EtcdClient(endpoints: config.endpoints, tls: try config.tls?.clientContext(), on: group.next())
    defer { client.close() }
    let election = EtcdElection(client, prefix: config.prefix, leaseSeconds: max(30, config.leaseSeconds))
    // No address at which anybody could look whether it lives.
    let candidate = EtcdElection.Candidate(address: "a restore", name: "restore")
    // One that was killed a moment ago holds its lease still.
    let deadline = ContinuousClock.now + .seconds(config.leaseSeconds + 3)
    while true {
      if let (term, _) = try await election.campaign(as: candidate) {
        let store = EtcdStore(client, prefix: config.prefix, term: term, logger: logger)
        do {
          let steps = try await body(store)
          await election.revoke(term.lease)
          return steps
        } catch {
          await election.revoke(term.lease)
          throw error
        }
      }
      guard ContinuousClock.now < deadline else {
        let who = try await election.leader()?.candidate?.address ?? "another one"
        throw MetadataStoreError(.locked, "a coordinator leads (\(who)): stop all coordinators of this cluster first")
      }
      try await Task.sleep(for: .milliseconds(200))
    }
  }
}
