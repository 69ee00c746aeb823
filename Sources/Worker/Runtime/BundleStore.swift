import Models
import Synchronization
import Wire

/// Bundles on this node's disk, by id, and those that are loaded. A bundle is on disk before any log names it, so that the
/// log can always be replayed.
final class BundleStore: Sendable {
  private let directory: String
  private let system: FileSystem
  private let trust: BundleTrust
  private let loaded = Mutex<[BundleID: Bundle]>([:])

  /// `directory` is created where missing.
  init(directory: String, trust: BundleTrust = BundleTrust(), system: FileSystem = .posix) throws(FileError) {
    self.directory = directory
    self.trust = trust
    self.system = system
    try system.createDirectory(directory)
  }

  /// The bundle, from memory or disk; nil when it is neither. What a log names has decided already, and is not asked who
  /// signed it.
  /// - Throws: `DefinitionError` when the file is there and is not that bundle.
  func bundle(_ id: BundleID) throws -> Bundle? {
    if let known = loaded.withLock({ $0[id] }) { return known }
    guard let bytes = try system.contents(path(id), limit: ClusterLimit.bundleSize) else { return nil }
    let bundle = try parse(bytes, id).bundle
    loaded.withLock { $0[id] = bundle }
    return bundle
  }

  /// The same for a bundle that is to decide: whoever is trusted must have signed it, and its own tests must pass (S1).
  /// - Throws: `BundleRefusal` where they have not, or don't.
  func candidate(_ id: BundleID) throws -> Bundle? {
    guard let bytes = try system.contents(path(id), limit: ClusterLimit.bundleSize) else { return nil }
    let bundle = try proven(bytes, id)
    loaded.withLock { $0[id] = bundle }
    return bundle
  }

  /// Checks, keeps and loads a bundle that came over the wire. Blocks on the disk.
  func store(_ bytes: [UInt8], _ id: BundleID, isCandidate: Bool) throws -> Bundle {
    let bundle = isCandidate ? try proven(bytes, id) : try parse(bytes, id).bundle
    // On disk first: once it is loaded a log may name it.
    try system.replaceFile("\(id).bundle", in: directory, with: bytes)
    loaded.withLock { $0[id] = bundle }
    return bundle
  }

  private func proven(_ bytes: [UInt8], _ id: BundleID) throws -> Bundle {
    let (archive, bundle) = try parse(bytes, id)
    try trust.check(archive)
    for result in try BundleTestRun.run(bundle, archive) {
      if let failure = result.failures.first { throw BundleRefusal("a test of the bundle fails here: \(failure)") }
    }
    return bundle
  }

  private func parse(_ bytes: [UInt8], _ id: BundleID) throws -> (archive: BundleArchive, bundle: Bundle) {
    guard BundleID(contents: bytes) == id else {
      throw DefinitionError(file: "bundle \(id)", message: "its contents don't have this hash", suggestion: "Publish it again.")
    }
    let archive = try BundleArchive(reading: bytes)
    return (archive, try Bundle(archive: archive, id: id))
  }

  private func path(_ id: BundleID) -> String { "\(directory)/\(id).bundle" }
}
