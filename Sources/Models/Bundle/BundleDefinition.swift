import Wire

/// Reads a bundle's files.
///
/// ```yaml
/// # bundle.yaml
/// version: 1
/// name: card-fraud
/// schema: schema.yaml            # default: the fixed fields only
/// features: features.yaml        # default: the standard set for cards
/// model:                         # without one every score is 0
///   file: models/forest.json
///   format: assay-isolation-forest   # or xgboost-json
/// thresholds:                    # a score at or above takes the action
///   review: 0.62
///   decline: 0.75
/// reasons:                       # in order of gravity; the first four that hold are shown
///   - {code: AMOUNT_ABOVE_HABIT, text: Amount far above the card's habit, feature: amount_over_mean_7d, above: 5}
/// ```
struct BundleDefinition {
  static let reasonsMax = 1_000
  static let fileName = "bundle.yaml"

  var name: String
  var schema: Schema
  var features: FeatureSet
  var model: Model?
  var policy: Policy
  var reasonRules: [ReasonRule]

  static func parse(_ archive: BundleArchive) throws(DefinitionError) -> BundleDefinition {
    let root = try DefinitionNode.parse(yaml: try text(fileName, in: archive, for: nil), file: fileName)
    let keys = try root.mapping(known: ["version", "name", "schema", "features", "model", "thresholds", "reasons"])
    try keys.requireVersion(1)

    var schema = Schema.standard
    if let node = keys["schema"] {
      let file = try node.text(lengthMax: 512)
      schema = try Schema.parse(yaml: try text(file, in: archive, for: node), file: file)
    }
    var features = FeatureSet.standard
    if let node = keys["features"] {
      let file = try node.text(lengthMax: 512)
      features = try FeatureSet.parse(yaml: try text(file, in: archive, for: node), schema: schema, file: file)
    }
    return BundleDefinition(
      name: try keys.required("name").text(lengthMax: 128), schema: schema, features: features,
      model: try model(keys["model"], archive, features), policy: try policy(keys["thresholds"]),
      reasonRules: try reasons(keys["reasons"], features))
  }

  private static func model(_ node: DefinitionNode?, _ archive: BundleArchive, _ features: FeatureSet) throws(DefinitionError) -> Model? {
    guard let node else { return nil }
    let keys = try node.mapping(known: ["file", "format"])
    let fileNode = try keys.required("file")
    let file = try fileNode.text(lengthMax: 512)
    let format = try keys.required("format").word(ModelFormat.allCases.map { ($0.rawValue, $0) }, kind: "model format")
    guard let bytes = archive.files[file] else { throw missing(file, archive, fileNode) }
    do throws(ModelError) {
      return try Model.parse(bytes: bytes, format: format, featureNames: features.names)
    } catch {
      throw DefinitionError(file: file, message: "\(error)")
    }
  }

  private static func policy(_ node: DefinitionNode?) throws(DefinitionError) -> Policy {
    guard let node else { return Policy() }
    let keys = try node.mapping(known: ["review", "decline"])
    let policy = Policy(review: try keys["review"].map(threshold), decline: try keys["decline"].map(threshold))
    if let review = policy.review, let decline = policy.decline, review > decline {
      throw node.error("review (\(review)) lies above decline (\(decline)), so nothing would ever be reviewed")
    }
    return policy
  }

  private static func threshold(_ node: DefinitionNode) throws(DefinitionError) -> Float {
    guard let value = Float(try node.text), value.isFinite else { throw node.error("expected a number, found '\(try node.text)'") }
    return value
  }

  private static func reasons(_ node: DefinitionNode?, _ features: FeatureSet) throws(DefinitionError) -> [ReasonRule] {
    guard let node else { return [] }
    var rules: [ReasonRule] = []
    for item in try node.list(countMax: reasonsMax) {
      let keys = try item.mapping(known: ["code", "text", "feature", "above", "below"])
      let featureNode = try keys.required("feature")
      let name = try featureNode.text
      guard let feature = features.index(of: name) else {
        throw featureNode.error("there is no feature '\(name)'", suggestion: Suggestion.sentence(for: name, among: features.names))
      }
      let rule = ReasonRule(
        code: try keys.required("code").text(lengthMax: 64), text: try keys["text"]?.text(lengthMax: 256) ?? "", feature: feature,
        above: try keys["above"].map(threshold).map(Double.init), below: try keys["below"].map(threshold).map(Double.init))
      guard rule.above != nil || rule.below != nil else { throw item.error("a reason needs 'above', 'below' or both") }
      guard !rules.contains(where: { $0.code == rule.code }) else { throw item.error("the code '\(rule.code)' is declared twice") }
      rules.append(rule)
    }
    return rules
  }

  private static func text(_ file: String, in archive: BundleArchive, for node: DefinitionNode?) throws(DefinitionError) -> String {
    guard let bytes = archive.files[file] else { throw missing(file, archive, node) }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw DefinitionError(file: file, message: "the file is not UTF-8") }
    return text
  }

  private static func missing(_ file: String, _ archive: BundleArchive, _ node: DefinitionNode?) -> DefinitionError {
    let message = "the bundle has no file '\(file)'"
    let suggestion = Suggestion.sentence(for: file, among: archive.files.keys.sorted())
    return node?.error(message, suggestion: suggestion) ?? DefinitionError(file: file, message: message, suggestion: suggestion)
  }
}
