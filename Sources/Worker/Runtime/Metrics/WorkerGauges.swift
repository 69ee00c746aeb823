import Wire

/// What a worker is asked for when its metrics are read. Called on any thread, and must be quick.
public struct WorkerGauges: Sendable {
  public struct ActiveBundle: Sendable {
    public var id: BundleID
    public var name: String
    public init(id: BundleID, name: String) {
      self.id = id
      self.name = name
    }
  }

  /// Bytes appended to the journal and not yet written.
  public var journalPendingBytes: @Sendable () -> Int
  /// Partitions held, by role: `primary`, `follower`, `learner`.
  public var partitions: @Sendable () -> [(role: String, count: Int)]
  /// Cards with history, over all partitions held.
  public var entities: @Sendable () -> Int
  /// Memory of their state, in bytes.
  public var stateBytes: @Sendable () -> Int
  /// Payments that wait for other partitions, and those by which something is owed to them.
  public var exchange: @Sendable () -> (open: Int, owed: Int)
  /// Open links, by kind of peer: `worker`, `coordinator`, `client`.
  public var links: @Sendable () -> [(peer: String, count: Int)]
  /// The bundles that decide here now.
  public var bundles: @Sendable () -> [ActiveBundle]

  public init(
    journalPendingBytes: @escaping @Sendable () -> Int, partitions: @escaping @Sendable () -> [(role: String, count: Int)],
    entities: @escaping @Sendable () -> Int, stateBytes: @escaping @Sendable () -> Int,
    exchange: @escaping @Sendable () -> (open: Int, owed: Int),
    links: @escaping @Sendable () -> [(peer: String, count: Int)], bundles: @escaping @Sendable () -> [ActiveBundle]
  ) {
    self.journalPendingBytes = journalPendingBytes
    self.partitions = partitions
    self.entities = entities
    self.stateBytes = stateBytes
    self.exchange = exchange
    self.links = links
    self.bundles = bundles
  }

  /// Once for a process.
  public func register(in registry: MetricsRegistry) {
    let gauges = self
    registry.gauge("assay_journal_pending_bytes", "Bytes appended to the journal and not yet written.") {
      Double(gauges.journalPendingBytes())
    }
    registry.gauges("assay_partitions", "Partitions that this worker holds, by role.") {
      gauges.partitions().map { (["role": $0.role], Double($0.count)) }
    }
    registry.gauge("assay_entities", "Entities with history, over all partitions held.") { Double(gauges.entities()) }
    registry.gauge("assay_state_bytes", "Memory of the state of all partitions held.") { Double(gauges.stateBytes()) }
    registry.gauge("assay_exchange_open_payments", "Payments that wait for other partitions.") {
      Double(gauges.exchange().open)
    }
    registry.gauge(
      "assay_exchange_owed", "Payments and labels that are kept because another partition has not answered, or that are undecided."
    ) { Double(gauges.exchange().owed) }
    registry.gauges("assay_links", "Open links, by kind of peer.") {
      gauges.links().map { (["peer": $0.peer], Double($0.count)) }
    }
    registry.gauges("assay_bundle_info", "1 for each policy bundle that decides here now.") {
      gauges.bundles().map { (["id": $0.id.description, "name": $0.name], 1) }
    }
  }
}
