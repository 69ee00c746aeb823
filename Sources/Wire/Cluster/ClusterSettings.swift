/// When an entry counts as held by a replica (R5). The number is on the wire and in the store.
public enum Durability: UInt8, Sendable, CaseIterable {
  /// fdatasync has returned. Survives a power loss of all machines.
  case fsync = 1
  /// In memory. Survives the loss of minISR - 1 machines; a process restart counts as a wiped disk (R6).
  case replicated = 2
}

/// What holds for the whole cluster. The coordinator's configuration sets it; workers and clients obey.
public struct ClusterSettings: WireValue {
  /// Copies of each partition that the coordinator aims at, 1 to 7.
  public var replicas: Int
  /// Least size of a committed ISR that may commit (R4), 1 to `replicas`.
  public var minInSync: Int
  public var durability: Durability
  /// Silence after which a worker is taken for dead, 100 to 600,000 ms.
  public var leaseMilliseconds: Int
  /// Distance between a worker's heartbeats, 10 ms to half the lease.
  public var heartbeatMilliseconds: Int

  public init(
    replicas: Int = 3, minInSync: Int = 2, durability: Durability = .fsync, leaseMilliseconds: Int = 2000,
    heartbeatMilliseconds: Int = 500
  ) {
    self.replicas = replicas
    self.minInSync = minInSync
    self.durability = durability
    self.leaseMilliseconds = leaseMilliseconds
    self.heartbeatMilliseconds = heartbeatMilliseconds
  }

  /// The first rule that the settings break, in words, or nil.
  public var problem: String? {
    if !(1...ClusterLimit.replicas).contains(replicas) { return "replicas is \(replicas), and must be 1 to \(ClusterLimit.replicas)" }
    if !(1...replicas).contains(minInSync) { return "min_in_sync is \(minInSync), and must be 1 to replicas (\(replicas))" }
    if !(100...600_000).contains(leaseMilliseconds) { return "lease_ms is \(leaseMilliseconds), and must be 100 to 600000" }
    if !(10...leaseMilliseconds / 2).contains(heartbeatMilliseconds) {
      return "heartbeat_ms is \(heartbeatMilliseconds), and must be 10 to half of lease_ms (\(leaseMilliseconds / 2))"
    }
    return nil
  }

  static let encodedSize = 11

  public func write(to out: inout WireWriter) {
    out.write(UInt8(replicas))
    out.write(UInt8(minInSync))
    out.write(durability.rawValue)
    out.write(UInt32(leaseMilliseconds))
    out.write(UInt32(heartbeatMilliseconds))
  }

  public init(from reader: inout WireReader) throws(WireError) {
    let start = reader.position
    replicas = Int(try reader.read(UInt8.self))
    minInSync = Int(try reader.read(UInt8.self))
    durability = try reader.read(code: Durability.self)
    leaseMilliseconds = Int(try reader.read(UInt32.self))
    heartbeatMilliseconds = Int(try reader.read(UInt32.self))
    if let problem { throw WireError.invalid(at: start, problem) }
  }
}
