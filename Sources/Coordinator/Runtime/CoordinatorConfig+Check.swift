import Models
import Wire

extension CoordinatorConfig {
  /// The same with relative paths (data, TLS files) taken from `directory` on, which is the file's own: a service manager
  /// starts in another directory than the person who tried it.
  public func resolved(in directory: String) -> CoordinatorConfig {
    var config = self
    if !data.isEmpty, !data.hasPrefix("/") { config.data = "\(directory)/\(data)" }
    config.tls = tls?.resolved(in: directory)
    config.trustedBundleKeys = trustedBundleKeys.resolved(in: directory)
    config.etcd?.tls = etcd?.tls?.resolved(in: directory)
    return config
  }

  /// What only the machine can tell: that the files can be read and belong together, and that the certificate is a
  /// coordinator's, since no worker would talk to another. Reads files; changes nothing.
  public func check() throws {
    _ = try etcd?.tls?.load()
    _ = try trustedBundleKeys.load()
    guard let tls else { return }
    let info = try tls.load().credentials.info
    guard let name = info.name, name.role == .coordinator else {
      throw TLSError.file(
        path: tls.certificate,
        "this certificate names \(info.name.map { "'\($0)'" } ?? "nobody that Assay knows"), and a coordinator's is needed: "
          + "issue one (assay certs issue)")
    }
  }
}
