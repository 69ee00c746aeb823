import Client
import Models
import Wire

/// The bundle of a new local cluster.
enum DevBundle {
  /// What decides where nobody has given a bundle: the standard features for cards, and no model.
  static let archive = BundleArchive(files: [
    "bundle.yaml": Array("version: 1\nname: standard-features\nfeatures: features.yaml\n".utf8),
    "features.yaml": Array(FeatureSet.standardYAML.utf8),
  ])

  /// Activates the bundle at `path`, or the default one when none is active yet.
  static func activate(_ path: String?, on cluster: LocalCluster) async throws {
    let admin = try await AdminClient.connect(try ClientConfig.admin(directory: cluster.directory))
    let active = try await admin.map().activeBundle
    if path != nil || active == nil {
      let contents = try path.map { try BundleFiles.read($0).encode() } ?? archive.encode()
      let published = try await admin.publish(contents)
      try await admin.untilActive(published.bundle)
      print("bundle \(published.bundle) is active")
    }
    await admin.close()
  }
}
