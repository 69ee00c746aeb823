import NIOPosix

/// The SQLite store behind the interface that the coordinator uses: each call runs on the store's one thread.
final class EmbeddedStore: MetadataStore {
  private let database: SQLiteStore
  private let thread: NIOThreadPool

  /// Opens the store in `directory`, which exists and is locked.
  init(directory: String) throws(MetadataStoreError) {
    database = try SQLiteStore(directory: directory)
    thread = NIOThreadPool(numberOfThreads: 1)
    thread.start()
  }

  func load() async throws(MetadataStoreError) -> MetadataSnapshot {
    try await run { database throws(MetadataStoreError) in try database.load() }
  }

  func commit(_ transaction: MetadataTransaction) async throws(MetadataStoreError) -> UInt64? {
    try await run { database throws(MetadataStoreError) in try database.commit(transaction) }
  }

  func value(of key: MetadataKey) async throws(MetadataStoreError) -> [UInt8]? {
    try await run { database throws(MetadataStoreError) in try database.value(of: key) }
  }

  /// Closes the store after all that was asked of it before.
  func close() async {
    try? await thread.shutdownGracefully()
    database.close()
  }

  private func run<Value: Sendable>(
    _ work: @escaping @Sendable (SQLiteStore) throws(MetadataStoreError) -> Value
  ) async throws(MetadataStoreError) -> Value {
    let database = database
    let result: Result<Value, MetadataStoreError> = await withCheckedContinuation { continuation in
      thread.submit { state in
        guard state == .active else {
          return continuation.resume(
            returning: .failure(MetadataStoreError(.io, "the metadata store is closed: the coordinator is ending")))
        }
        continuation.resume(returning: Result { () throws(MetadataStoreError) in try work(database) })
      }
    }
    return try result.get()
  }
}
