import Models
import Wire

/// The files of a complete bundle around a trained forest.
struct BundleDraft {
  static let modelFile = "models/forest.json"

  var name: String
  var schemaYAML: String
  var featuresYAML: String
  var features: FeatureSet
  var forest: IsolationForest
  var review: Float
  var decline: Float

  /// Built, and read back as a worker reads it: a bundle that comes out of here is one.
  func build() throws -> (archive: BundleArchive, bundle: Bundle) {
    let archive = BundleArchive(files: [
      "bundle.yaml": Array(bundleYAML.utf8), "schema.yaml": Array(schemaYAML.utf8),
      "features.yaml": Array(featuresYAML.utf8), Self.modelFile: forest.encode(),
    ])
    return (archive, try Bundle(archive: archive, id: BundleID(contents: archive.encode())))
  }

  private var bundleYAML: String {
    """
    # Check it with 'assay bundle check', and have a cluster decide by it with 'assay bundle activate'.
    version: 1
    name: \(name)
    schema: schema.yaml
    features: features.yaml
    model:
      file: \(Self.modelFile)
      format: \(ModelFormat.isolationForest.rawValue)
    # A score at or above takes the action.
    thresholds:
      review: \(review)
      decline: \(decline)
    # In order of gravity; the first four that hold are shown.
    \(ReasonCatalog.yaml(for: features))
    """
  }
}
