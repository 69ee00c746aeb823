import Wire

/// A bundle is megabytes and etcd takes 1.5 MiB at once: chunks are written first and count for nothing until the transaction
/// commits that puts the manifest. A bundle's key is its contents' hash, so chunks left behind by a coordinator that was
/// deposed meanwhile are overwritten by the same bytes or never read.
extension EtcdStore {
  func writeChunks(of key: MetadataKey, _ contents: [UInt8]) async throws(MetadataStoreError) {
    let manifest = ChunkManifest(size: contents.count)
    for number in 0..<manifest.count {
      let request = EtcdTransaction(
        compare: [.created(keys.leader, at: term.fence)],
        success: [.put(EtcdPutRequest(keys.chunk(number, of: key), Array(contents[manifest.range(of: number)])))], failure: [])
      let response: EtcdTransactionResponse = try await untilAnswered { client throws(EtcdError) in
        try await client.call("/v3/kv/txn", request, within: .seconds(5))
      }
      guard response.succeeded == true else { throw deposed() }
    }
  }

  func readChunks(of key: MetadataKey, _ manifestBytes: [UInt8]) async throws(MetadataStoreError) -> [UInt8] {
    guard let manifest = try? ChunkManifest(reading: manifestBytes.span.bytes) else {
      throw MetadataStoreError(.damaged, "the manifest of \(key) in etcd can't be read: restore etcd from its newest backup")
    }
    var contents: [UInt8] = []
    contents.reserveCapacity(manifest.size)
    for number in 0..<manifest.count {
      let name = keys.chunk(number, of: key)
      let response: EtcdRangeResponse = try await untilAnswered { client throws(EtcdError) in
        try await client.call("/v3/kv/range", EtcdRangeRequest(name), within: .seconds(5))
      }
      let bytes = response.all.first?.bytes ?? []
      guard bytes.count == manifest.range(of: number).count else {
        throw MetadataStoreError(
          .damaged,
          "the key \(name) in etcd has \(bytes.count) bytes of \(manifest.range(of: number).count): restore etcd from its newest backup")
      }
      contents += bytes
    }
    return contents
  }

  /// Best effort: what stays behind only takes space.
  func removeChunks(of key: MetadataKey) async {
    let request = EtcdTransaction(
      compare: [.created(keys.leader, at: term.fence)], success: [.delete(EtcdDeleteRequest(prefix: keys.chunks(of: key)))], failure: [])
    _ = try? await client.call("/v3/kv/txn", request, as: EtcdTransactionResponse.self, within: .seconds(1))
  }
}

extension MetadataKey {
  var isBundle: Bool { text.hasPrefix(Self.bundlePrefix) }
}
