import Models
import Wire

extension WorkerConfig {
  /// The same with relative paths (data, TLS files) taken from `directory` on, which is the file's own: a service manager
  /// starts in another directory than the person who tried it.
  public func resolved(in directory: String) -> WorkerConfig {
    var config = self
    if !data.hasPrefix("/") { config.data = "\(directory)/\(data)" }
    config.tls = tls?.resolved(in: directory)
    config.trustedBundleKeys = trustedBundleKeys.resolved(in: directory)
    return config
  }

  /// What only the machine can tell: that the files can be read and belong together, and that the certificate is this
  /// worker's. Reads files; changes nothing.
  public func check() throws {
    _ = try trustedBundleKeys.load()
    guard let tls else { return }
    let info = try tls.load().credentials.info
    guard let name = info.name, name.role == .node, name.name == self.name else {
      throw TLSError.file(
        path: tls.certificate,
        "this certificate names \(info.name.map { "'\($0)'" } ?? "nobody that Assay knows"), and the worker is '\(self.name)': "
          + "issue one for it (assay certs), or correct `name`")
    }
  }
}
