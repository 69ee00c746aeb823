import Wire

/// By what a coordinator may lead (R1): alone on a store of its own, or elected among several on a shared one.
protocol Authority: Sendable {
  /// Before anything listens: opens the store and refuses what can't be. Returns the cluster's id where it is known yet.
  func open() async throws -> ClusterID?

  /// The server is there, reached by the others at `address`: from now on it is told when it leads and when it does not.
  func begin(_ server: CoordinatorServer, address: String) async throws

  /// Gives leadership up, in order, and lets go of the store.
  func end() async
}

/// Leads from the start to the end: the data directory's lock keeps every other coordinator off.
actor EmbeddedAuthority: Authority {
  private let founding: Founding
  private let directory: String
  private var held: (lock: DirectoryLock, store: EmbeddedStore, state: ClusterState)?

  init(_ founding: Founding, directory: String) {
    self.founding = founding
    self.directory = directory
  }

  func open() async throws -> ClusterID? {
    let lock = try DirectoryLock(directory)
    try Founding.checkOwner(of: directory)
    let store = try EmbeddedStore(directory: directory)
    do {
      let state = try await founding.open(store)
      held = (lock, store, state)
      return state.cluster.id
    } catch {
      await store.close()
      throw error
    }
  }

  func begin(_ server: CoordinatorServer, address: String) async throws {
    guard let (_, store, state) = held else { preconditionFailure("a store is opened before it is led by") }
    try await server.loop.submit { server.lead(state, store) }.get()
  }

  func end() async {
    await held?.store.close()
    held?.lock.release()
    held = nil
  }
}
