import Wire

@testable import Coordinator

/// The metadata store: durable, and apart from the coordinators that use it. With several of them it says who leads: a
/// key under a lease, and a write compares with the term that the key was written in (R1).
final class Store {
  var snapshot = MetadataSnapshot()
  /// Its host, where several coordinators reach it over the network.
  var process: Process?
  private(set) var leader: (host: CoordinatorHost, term: UInt64)?
  private var lastTerm: UInt64 = 0
  private var leaseEnd: UInt64 = 0

  /// Somebody leads, and its lease has not passed.
  func leader(at now: UInt64) -> (host: CoordinatorHost, term: UInt64)? {
    if leaseEnd < now { leader = nil }
    return leader
  }

  /// The term of a new leadership; nil where another leads.
  func campaign(_ host: CoordinatorHost, lease: UInt64, now: UInt64) -> UInt64? {
    guard leader(at: now) == nil else { return nil }
    lastTerm += 1
    leader = (host, lastTerm)
    leaseEnd = lease == .max ? .max : now + lease
    return lastTerm
  }

  func renew(_ term: UInt64, lease: UInt64, now: UInt64) -> Bool {
    guard leader(at: now)?.term == term else { return false }
    leaseEnd = now + lease
    return true
  }

  /// The store goes back to a backup, as `assay coordinator restore` does it. `isLost`: there was nothing left of it.
  func restore(_ backup: BackupFile, isLost: Bool) throws {
    let current = isLost ? MetadataSnapshot() : snapshot
    let read = try BackupFile(reading: backup.bytes, place: "the backup")
    let restoration = try Restoration(read, over: current, by: "operator", reason: "simulated", wall: 0)
    snapshot = current
    snapshot.apply(restoration.transaction)
    leader = nil
  }

  func revoke(_ term: UInt64) { if leader?.term == term { leader = nil } }
}
