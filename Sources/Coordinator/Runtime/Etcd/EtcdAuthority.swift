import Logging
import NIOCore
import NIOPosix
import Wire

/// Elected by etcd among several coordinators: stands by while another leads, leads when there is none, and stops as soon as
/// it can't be sure any more.
///
/// A lease grants nothing (R1): whoever writes compares with the leader key. The lease only says when another may be elected.
actor EtcdAuthority: Authority {
  /// Distance between a standby's looks at the leader key.
  static let pollInterval = TimeAmount.milliseconds(200)
  /// How long a start waits for etcd.
  static let openPatience = Duration.seconds(10)
  /// A leader that could not renew its lease for the lease's time and this much more takes itself for deposed. The time more
  /// lets etcd elect a leader of its own first (1 to 2 s).
  static let doubt = Duration.seconds(1)

  private let config: EtcdConfig
  private let founding: Founding
  private let logger: Logger
  private let name: String
  private let tls: TLSClientContext?
  private let group: MultiThreadedEventLoopGroup
  private let client: EtcdClient
  private let election: EtcdElection
  private let bell = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
  private var loop: Task<Void, Never>?
  private var term: EtcdTerm?
  private var known: EtcdElection.Leader?
  private var watch: LeaderWatch?
  private var lastComplaint = ""

  /// `tls`: of the coordinators' own ports; etcd's is in `config`.
  init(_ config: EtcdConfig, _ founding: Founding, name: String, tls: TLSClientContext?, logger: Logger) throws {
    self.config = config
    self.founding = founding
    self.name = name
    self.tls = tls
    self.logger = logger
    let context = try config.tls?.clientContext()
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    client = EtcdClient(endpoints: config.endpoints, tls: context, on: group.next())
    election = EtcdElection(client, prefix: config.prefix, leaseSeconds: config.leaseSeconds)
  }

  // MARK: Start

  func open() async throws -> ClusterID? {
    let deadline = ContinuousClock.now + Self.openPatience
    while true {
      do throws(EtcdError) {
        return try await readCluster()
      } catch {
        var mayPass = error.isRetriable
        if case .certificate = error { mayPass = false }
        guard mayPass, ContinuousClock.now < deadline else {
          await shutDownClient()
          throw MetadataStoreError(.io, error.description)
        }
        try? await Task.sleep(for: .milliseconds(100))
      }
    }
  }

  /// The id of the cluster that the prefix holds, if it is this one's.
  private func readCluster() async throws(EtcdError) -> ClusterID? {
    let name = MetadataPage.name(of: .cluster)
    let key = election.keys.page(name)
    let response: EtcdRangeResponse = try await client.call("/v3/kv/range", EtcdRangeRequest(key))
    guard let item = response.all.first else { return nil }
    guard let page = try? MetadataPage(reading: item.bytes.span.bytes), let entry = page.entries[.cluster],
      let record = try? ClusterRecord(reading: entry.value.span.bytes)
    else { throw EtcdError.refused(code: 9, "its key \(key) is not of this program: give the cluster a prefix of its own") }
    guard record.name == founding.clusterName else {
      throw EtcdError.refused(
        code: 9, "\(founding.place) is of the cluster '\(record.name)', the configuration of '\(founding.clusterName)': correct one of them"
      )
    }
    return record.id
  }

  func begin(_ server: CoordinatorServer, address: String) async throws {
    let candidate = EtcdElection.Candidate(address: address, name: name)
    // A process that was here before and was killed: nobody else can have this address.
    if let leader = try? await election.leader(), leader.candidate == candidate { await election.revoke(leader.lease) }
    loop = Task { await self.run(server, candidate) }
  }

  func end() async {
    loop?.cancel()
    bell.continuation.finish()
    term?.end()
    watch?.close()
    await loop?.value
    await shutDownClient()
  }

  private func shutDownClient() async {
    client.close()
    try? await group.shutdownGracefully()
  }

  // MARK: Standing by

  private func run(_ server: CoordinatorServer, _ candidate: EtcdElection.Candidate) async {
    bell.continuation.yield()
    for await _ in bell.stream {
      if Task.isCancelled { break }
      do throws(EtcdError) {
        if let leader = try await election.leader() {
          await follow(leader, server)
        } else if let (term, leaseSeconds) = try await election.campaign(as: candidate) {
          await lead(term, leaseSeconds: leaseSeconds, server)
          bell.continuation.yield()
        } else {
          bell.continuation.yield()
        }
        lastComplaint = ""
      } catch {
        complain("\(error)")
      }
      let bell = bell.continuation
      server.loop.scheduleTask(in: Self.pollInterval) { bell.yield() }
    }
  }

  /// Another leads: everybody is sent there, and it is watched.
  private func follow(_ leader: EtcdElection.Leader, _ server: CoordinatorServer) async {
    guard leader != known else { return }
    known = leader
    logger.info("another coordinator leads", metadata: ["leader": "\(leader.candidate?.address ?? "unknown")"])
    try? await server.loop.submit { server.standBy(leader: leader.candidate?.address) }.get()
    watch?.close()
    watch = nil
    guard let address = leader.candidate?.address else { return }
    let (bell, election, logger) = (bell.continuation, election, logger)
    watch = LeaderWatch(
      address, on: server.loop, tls: tls, identity: server.identity, options: LinkOptions(logger: logger)
    ) { isDead in
      guard isDead else { return _ = bell.yield() }
      logger.warning("the leading coordinator's process is dead", metadata: ["leader": "\(address)"])
      Task {
        // Only this leadership: the lease is its own.
        await election.revoke(leader.lease)
        bell.yield()
      }
    }
    watch?.start()
  }

  private func complain(_ text: String) {
    guard text != lastComplaint else { return }
    lastComplaint = text
    logger.warning("no leader can be elected; the cluster goes on as it is", metadata: ["reason": "\(text)"])
  }

  // MARK: Leading

  private func lead(_ term: EtcdTerm, leaseSeconds: Int, _ server: CoordinatorServer) async {
    self.term = term
    // Won while the coordinator is ending.
    if Task.isCancelled { term.end() }
    known = nil
    watch?.close()
    watch = nil
    let keeper = Task { await self.keepAlive(term, .seconds(leaseSeconds), server) }
    let store = EtcdStore(client, prefix: config.prefix, term: term, logger: logger)
    do throws(MetadataStoreError) {
      let state = try await founding.open(store)
      // Workers may sit with a predecessor that is cut off from etcd until it takes itself for deposed, and then have to
      // find this one.
      let comeOver = leaseSeconds * 250 + 2_000
      let grace = max(0, comeOver - state.settings.leaseMilliseconds)
      try? await server.loop.submit { server.lead(state, store, grace: Int64(grace)) }.get()
      await term.untilOver()
    } catch {
      if error.code != .deposed { try? await server.loop.submit { server.stop("\(error)") }.get() }
    }
    term.end()
    self.term = nil
    try? await server.loop.submit { server.standBy(leader: nil) }.get()
    keeper.cancel()
    await keeper.value
    await election.revoke(term.lease)
  }

  /// Renews the lease until the term is over, and ends it when that fails for too long.
  private func keepAlive(_ term: EtcdTerm, _ lease: Duration, _ server: CoordinatorServer) async {
    var confirmed = ContinuousClock.now
    var pause = lease / 4
    while !term.isOver, !Task.isCancelled {
      try? await Task.sleep(for: pause)
      // A loop that hangs must not go on leading.
      try? await server.loop.submit {}.get()
      let asked = ContinuousClock.now
      do throws(EtcdError) {
        guard try await election.keepAlive(term.lease) else {
          logger.warning("the leader's lease has passed: another may lead")
          return term.end()
        }
        confirmed = asked
        pause = lease / 4
      } catch {
        pause = .milliseconds(100)
      }
      if ContinuousClock.now - confirmed > lease + Self.doubt {
        logger.warning("etcd was not reached for longer than the lease: another may lead")
        return term.end()
      }
    }
  }
}
