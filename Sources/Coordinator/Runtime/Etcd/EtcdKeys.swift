/// Where things lie in etcd. Texts, so that a person with `etcdctl get --prefix --keys-only` finds the way.
///
/// ```
/// PREFIX/leader               who leads, JSON, under that coordinator's lease
/// PREFIX/head                 revision and last writer (MetadataHead)
/// PREFIX/page/...             everything but bundles (MetadataPage)
/// PREFIX/bundle/ID/NNNN       chunks of bundles (ChunkManifest)
/// ```
struct EtcdKeys: Sendable {
  let prefix: String

  var leader: String { "\(prefix)/leader" }
  var head: String { "\(prefix)/head" }
  var pages: String { "\(prefix)/page/" }

  func page(_ name: String) -> String { pages + name }
  func chunk(_ number: Int, of key: MetadataKey) -> String { "\(prefix)/\(ChunkManifest.name(of: number, of: key))" }
  func chunks(of key: MetadataKey) -> String { "\(prefix)/\(key)/" }
}
