import Models
import Wire

/// Writes a partition's image as a snapshot file (C2). Pure: it hands out bytes, in order; whoever calls it has the file.
///
/// `begin`, then `add` for each piece of the walk, then `finish`, whose header goes to the file's beginning, over zeros.
public struct SnapshotWriter: ~Copyable {
  public let image: PartitionImage
  private let cluster: ClusterID
  private var entities: EntityRecordWriter?
  private var foreign: [ForeignWriter]
  /// Of the entities that `contents` hold.
  private var gathering = EntityKind.card
  private var manifest = SnapshotManifest()
  private var at = SnapshotHeader.size
  private var contents: [UInt8] = []
  private var dedupDigest: UInt64 = 0
  var exchangeAim = SnapshotBlock.exchangeAim

  public init(_ image: PartitionImage, cluster: ClusterID) {
    self.image = image
    self.cluster = cluster
    entities = image.entities.map { EntityRecordWriter($0) }
    foreign = image.foreign.map { ForeignWriter($0) }
  }

  /// Room for the header, the facts and all dedup entries.
  public mutating func begin(_ emit: ([UInt8]) throws -> Void) rethrows {
    try emit([UInt8](repeating: 0, count: SnapshotHeader.size))
    try emit(block(.facts, SnapshotFacts(image).bytes))
    let dedup = image.dedup
    try dedup.forEach { entry in
      dedupDigest = DedupTable.digest(entry, dedupDigest)
      entry.write(to: &contents)
      if contents.count >= SnapshotBlock.contentsAim { try emit(flush(.dedup)) }
    }
    if !contents.isEmpty { try emit(flush(.dedup)) }
    dedupDigest = dedup.digestOfVersions(behind: dedupDigest)
    for part in ListVersionsPart.parts(dedup.listVersions) { try emit(block(.listVersions, part.encoded)) }
    for part in image.hot.parts { try emit(block(.lists, part.encoded)) }
    guard !image.home.isEmpty || !image.accounts.isEmpty else { return }
    var kind = SnapshotBlock.Kind.exchange
    let homes = image.home.parts(exchangeAim)
    let accounts = image.accounts.parts(exchangeAim)
    // The first of the one stands in a block with the last of the other: mostly there is one of each.
    for (home, account) in homes.dropLast().map({ ($0, EntityLedger()) }) + [(homes.last!, accounts[0])]
      + accounts.dropFirst().map({ (HomeLedger(), $0) })
    {
      var out = WireWriter()
      home.write(to: &out)
      account.write(to: &out)
      try emit(block(kind, out.bytes))
      kind = .exchangeGoesOn
    }
  }

  public mutating func add(_ images: EntityImages, _ emit: ([UInt8]) throws -> Void) rethrows {
    if images.kind != gathering, !contents.isEmpty { try emit(flush(.entities)) }
    gathering = images.kind
    var gathered: [UInt8] = []
    var full: [[UInt8]] = []
    swap(&gathered, &contents)
    func written(_ out: inout [UInt8]) {
      guard out.count >= SnapshotBlock.contentsAim else { return }
      full.append(out)
      out.removeAll(keepingCapacity: true)
    }
    if images.kind == .card {
      entities?.write(images, to: &gathered, written: written)
    } else {
      foreign.first { $0.kind == images.kind }?.writer.write(images, to: &gathered, written: written)
    }
    contents = gathered
    for chunk in full { try emit(block(.entities, chunk)) }
  }

  /// The rest of the file, and the header for its front.
  public mutating func finish(_ emit: ([UInt8]) throws -> Void) rethrows -> SnapshotHeader {
    if !contents.isEmpty { try emit(flush(.entities)) }
    let listed = manifest.bytes
    let manifestAt = at
    try emit(block(.manifest, listed))
    let digest = PartitionState.digest(
      dedup: dedupDigest, applied: image.offset, loggedTime: image.loggedTime, entities: entities?.stateDigest(), bundles: image.bundles,
      prepared: image.prepared, foreign: foreign.map { .init(kind: $0.kind, digest: $0.writer.stateDigest()) }, home: image.home,
      accounts: image.accounts, hot: image.hot.digest)
    return SnapshotHeader(
      cluster: cluster, partition: image.partition, range: image.range, offset: image.offset, epoch: image.epochs.last?.epoch ?? .none,
      bundle: image.bundles.last ?? .none, loggedTime: image.loggedTime, stateDigest: digest,
      entities: foreign.reduce(entities?.count ?? 0) { $0 + $1.writer.count },
      dedupEntries: image.dedup.count, manifestAt: manifestAt, fileSize: at, manifestHash: listed.withUnsafeBytes { SnapshotHash(of: $0) })
  }

  private mutating func flush(_ kind: SnapshotBlock.Kind) -> [UInt8] {
    let bytes = block(kind, contents)
    contents.removeAll(keepingCapacity: true)
    return bytes
  }

  private mutating func block(_ kind: SnapshotBlock.Kind, _ contents: [UInt8]) -> [UInt8] {
    let (header, bytes) = SnapshotBlock.bytes(kind, contents)
    if kind != .manifest { manifest.items.append(.init(at: at, block: header)) }
    at += bytes.count
    return bytes
  }
}

/// Of one kind's table.
private final class ForeignWriter {
  let kind: EntityKind
  var writer: EntityRecordWriter

  init(_ facts: EntityFacts) {
    kind = facts.entity
    writer = EntityRecordWriter(facts)
  }
}
