import Wire

/// The files of a configuration's `trusted_bundle_keys`.
public struct BundleKeyFiles: Equatable, Sendable {
  static let countMax = 16

  public var paths: [String]

  public init(paths: [String] = []) { self.paths = paths }

  package init(_ node: DefinitionNode?) throws(DefinitionError) {
    paths = []
    for path in try node?.list(countMax: Self.countMax) ?? [] { paths.append(try path.text(lengthMax: 4096)) }
  }

  public func resolved(in directory: String) -> BundleKeyFiles {
    BundleKeyFiles(paths: paths.map { $0.hasPrefix("/") ? $0 : "\(directory)/\($0)" })
  }

  /// Reads the files.
  public func load() throws(TLSError) -> BundleTrust {
    var keys: [VerifyingKey] = []
    for path in paths {
      let pem = try CertificateFile.read(path)
      do throws(SigningError) {
        keys.append(try VerifyingKey(pem: pem))
      } catch {
        throw TLSError.file(path: path, "\(error): give a public key in PEM (assay bundle key)")
      }
    }
    return BundleTrust(keys: keys)
  }
}
