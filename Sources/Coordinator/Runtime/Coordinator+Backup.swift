import Glibc
import Logging
import NIOCore
import NIOPosix
import Wire

extension Coordinator {
  /// A copy of the store as of one revision: of a running coordinator by asking it, of a stopped one with a store of its own by reading
  /// that. With the metadata in etcd some coordinator has to run.
  public static func backup(_ config: CoordinatorConfig, logger: Logger) async throws -> BackupFile {
    if config.etcd == nil {
      let path = "\(config.data)/\(SQLiteStore.fileName)"
      guard access(path, F_OK) == 0 else {
        throw MetadataStoreError(.io, "there is no store in \(config.data): name the configuration of a coordinator that has run")
      }
      do throws(MetadataStoreError) {
        let lock = try DirectoryLock(config.data)
        defer { lock.release() }
        return try readStopped(config.data)
      } catch {
        guard error.code == .locked else { throw error }
      }
    }
    return try await askRunning(config, logger: logger)
  }

  private static func readStopped(_ directory: String) throws(MetadataStoreError) -> BackupFile {
    let store = try SQLiteStore(directory: directory)
    defer { store.close() }
    let snapshot = try store.load()
    guard !snapshot.entries.isEmpty else {
      throw MetadataStoreError(.io, "the store in \(directory) is empty: no cluster has been founded on it")
    }
    var backup = BackupFile(snapshot, cluster: try ClusterState(snapshot).cluster, takenAt: SystemClock.wall())
    for bundle in backup.emptyBundles {
      guard let contents = try store.value(of: .bundle(bundle)) else {
        throw MetadataStoreError(.damaged, "bundle \(bundle) is listed in the store in \(directory), and not there")
      }
      backup.put(bundle, contents)
    }
    return backup
  }

  private static func askRunning(_ config: CoordinatorConfig, logger: Logger) async throws -> BackupFile {
    let tls = try config.tls?.clientContext()
    let name = try config.tls?.serverContext().name?.name ?? "backup"
    let host = ["0.0.0.0": "127.0.0.1", "::": "::1"][config.listenHost] ?? config.listenHost
    var target = SplitAddress(config.advertise ?? "[\(host)]:\(config.listenPort)")
    var quiet = logger
    quiet.logLevel = .critical  // whoever asks gets every problem as an error
    let identity = LinkIdentity(role: .coordinator, name: name, product: Product.nameAndVersion)
    // The one that runs may not lead, and says who does.
    for _ in 0..<4 {
      guard let address = target else { break }
      let answer = try await BackupLink.ask(address, tls: tls, identity: identity, options: LinkOptions(logger: quiet))
      switch answer {
      case .backup(let file): return file
      case .elsewhere(let leader): target = SplitAddress(leader)
      }
    }
    throw MetadataStoreError(.io, "no coordinator leads now: try again in a moment")
  }
}

/// Asks a coordinator for its store's contents, then for each bundle. Used once.
private final class BackupLink: LinkDelegate {
  enum Answer: Sendable {
    case backup(BackupFile)
    /// Another one leads.
    case elsewhere(String)
  }

  private var promise: EventLoopPromise<Answer>?
  private let place: String
  private var backup: BackupFile?
  private var missing: [BundleID] = []
  private var hint: String?

  private init(_ promise: EventLoopPromise<Answer>, _ place: String) {
    self.promise = promise
    self.place = place
  }

  static func ask(
    _ address: SplitAddress, tls: TLSClientContext?, identity: LinkIdentity, options: LinkOptions
  ) async throws -> Answer {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let promise = loop.makePromise(of: Answer.self)
    loop.execute {
      LinkConnector.connect(
        on: loop, host: address.host, port: address.port, tls: tls, expectedRole: .coordinator, identity: identity, options: options,
        delegate: BackupLink(promise, "what the coordinator at \(address.host):\(address.port) sends"))
    }
    return try await promise.futureResult.get()
  }

  func linkReady(_ link: Link) { link.send(BackupRequest(), correlation: 1) }

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
    do {
      switch header.kind {
      case .leaderHint: hint = try LeaderHint(reading: payload).address
      case .backupContent:
        let file = try BackupFile(reading: try BackupContent(reading: payload).file, place: place)
        missing = file.emptyBundles.reversed()
        backup = file
        next(link)
      case .bundleContent:
        let content = try BundleContent(reading: payload)
        guard missing.last == content.bundle, BundleID(contents: content.contents) == content.bundle else { return }
        backup?.put(content.bundle, content.contents)
        missing.removeLast()
        next(link)
      case .failure: throw LinkError.refused(try Failure(reading: payload))
      default: break
      }
    } catch {
      finish(.failure(error), link)
    }
  }

  private func next(_ link: Link) {
    if let bundle = missing.last { return link.send(BundleRequest(bundle: bundle), correlation: 2) }
    if let backup { finish(.success(.backup(backup)), link) }
  }

  private func finish(_ result: Result<Answer, any Error>, _ link: Link) {
    promise?.completeWith(result)
    promise = nil
    link.close()
  }

  func linkReadComplete(_ link: Link) {}
  func linkWritable(_ link: Link, _ isWritable: Bool) {}

  func linkClosed(_ link: Link, reason: LinkError?) {
    if let hint {
      promise?.succeed(.elsewhere(hint))
    } else {
      promise?.fail(reason ?? .io("the coordinator closed the link"))
    }
    promise = nil
  }
}
