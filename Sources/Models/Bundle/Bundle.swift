import Wire

/// Everything that decides, in one immutable piece: schema, features, model, rules, lists, geo tables,
/// thresholds, reasons. Named by the
/// hash of its files.
public final class Bundle: Sendable {
  public let id: BundleID
  public let name: String
  public let schema: Schema
  public let features: FeatureSet
  /// The features by who computes them.
  public let parts: FeatureParts
  public let model: Model?
  public let policy: Policy
  public let reasonRules: [ReasonRule]
  /// nil where there are none.
  public let rules: BundleRules?
  public let lists: [MemberList]
  public let geo: [GeoTable]
  /// Codes that `Decision.reasons` index: the declared ones, then one for each rule, then one for each feature
  /// (`unusual:<feature>`).
  public let reasonCodes: [String]
  /// This bundle's entry of an answer's table (see `Decisions`), without and with the names of the features.
  public let answerTable: [UInt8]
  public let answerTableWithFeatures: [UInt8]

  /// - Parameter id: first 128 bits of the SHA-256 over the archive's bytes.
  public init(
    id: BundleID, name: String, schema: Schema, features: FeatureSet, model: Model?, policy: Policy, reasonRules: [ReasonRule],
    rules: BundleRules? = nil, lists: [MemberList] = [], geo: [GeoTable] = []
  ) {
    self.id = id
    self.name = name
    self.schema = schema
    self.features = features
    parts = FeatureParts(features)
    self.model = model
    self.policy = policy
    self.reasonRules = reasonRules
    self.rules = rules
    self.lists = lists
    self.geo = geo
    let codes =
      reasonRules.map(\.code) + (rules?.book.rules.map(\.reasonCode) ?? []) + features.names.map { "unusual:\($0)" }
    reasonCodes = codes
    func table(_ names: [String]) -> [UInt8] {
      var out = WireWriter()
      Decisions.writeTable(.init(id: id, reasons: codes, features: names), to: &out)
      return out.bytes
    }
    answerTable = table([])
    answerTableWithFeatures = table(features.names)
  }

  public convenience init(archive: BundleArchive, id: BundleID) throws(DefinitionError) {
    let parts = try BundleDefinition.parse(archive)
    self.init(
      id: id, name: parts.name, schema: parts.schema, features: parts.features, model: parts.model, policy: parts.policy,
      reasonRules: parts.reasonRules, rules: parts.rules, lists: parts.lists, geo: parts.geo)
  }
}
