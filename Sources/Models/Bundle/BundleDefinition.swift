import CEL
import Wire

/// Reads a bundle's files, and goes on behind a mistake: one run names them all.
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
/// lists:                         # what rules ask by `in`
///   - {name: blocked_ips, file: lists/blocked_ips.csv, type: ip}
/// geo:                           # what rules and features ask of an IP address: files in MaxMind DB format
///   - {name: city, file: geo/city.mmdb}
/// thresholds:                    # a score at or above takes the action
///   review: 0.62
///   decline: 0.75
/// reasons:                       # in order of gravity; the first four that hold are shown
///   - {code: AMOUNT_ABOVE_HABIT, text: Amount far above the card's habit, feature: amount_over_mean_7d, above: 5}
/// ```
/// Rules are all files below `rules/`; `zones/` has the time zones that they and calendar features name, as compiled files
/// (TZif, RFC 9636).
struct BundleDefinition {
  static let reasonsMax = 1_000
  static let fileName = "bundle.yaml"
  static let ruleFolder = "rules/"
  static let zoneFolder = "zones/"

  var name: String
  var schema: Schema
  var features: FeatureSet
  var model: Model?
  var policy: Policy
  var reasonRules: [ReasonRule]
  var lists: [MemberList]
  var geo: [GeoTable]
  var rules: BundleRules?
  /// Files of lists and geo tables that it names.
  var files: Set<String>

  /// - Throws: the first mistake.
  static func parse(_ archive: BundleArchive) throws(DefinitionError) -> BundleDefinition {
    try Findings.strict { BundleReader(archive: archive, findings: $0).read() }
  }
}

/// One reading of an archive.
struct BundleReader {
  let archive: BundleArchive
  let findings: Findings

  /// nil where nothing could be made of it; whole if nothing was found.
  func read() -> BundleDefinition? {
    let keys = findings.attempt { () throws(DefinitionError) in
      let root = try DefinitionNode.parse(
        yaml: try text(BundleDefinition.fileName, for: nil), file: BundleDefinition.fileName, findings: findings)
      let keys = try root.mapping(known: ["version", "name", "schema", "features", "model", "lists", "geo", "thresholds", "reasons"])
      try keys.requireVersion(1)
      return keys
    }
    guard let keys else { return nil }
    let name = findings.attempt { () throws(DefinitionError) in try keys.required("name").text(lengthMax: 128) }
    let schema = definition(keys["schema"]) { Schema.parse(yaml: $0, file: $1, findings) }
    // What refers to a part that could not be read at all would only be told to be wrong, too.
    let standing = schema ?? .standard
    let zones = zones()
    let geo = geo(keys["geo"])
    let tables = geo.compactMap(\.table)
    let features = definition(keys["features"]) {
      FeatureSet.parse(yaml: $0, schema: standing, zones: zones, geo: FeatureGeo(tables), file: $1, findings)
    }
    let set = features ?? .standard
    let isComplete =
      (keys["schema"] == nil || schema != nil) && (keys["features"] == nil || features != nil)
      && tables.count == geo.count
    let lists = lists(keys["lists"])
    let rules = rules(RuleInputs(schema: standing, features: set, geo: tables), lists, zones, isComplete: isComplete)
    let reasons = isComplete ? reasons(keys["reasons"], set) : []
    return BundleDefinition(
      name: name ?? "", schema: standing, features: set,
      model: isComplete ? findings.attempt { () throws(DefinitionError) in try model(keys["model"], set) } ?? nil : nil,
      policy: findings.attempt { () throws(DefinitionError) in try policy(keys["thresholds"]) } ?? Policy(),
      reasonRules: reasons, lists: lists.compactMap(\.list), geo: tables, rules: rules,
      files: Set(lists.map(\.source.file) + geo.map(\.source.file)))
  }

  private func definition<Value>(_ node: DefinitionNode?, _ parse: (_ yaml: String, _ file: String) -> Value?) -> Value? {
    guard let node else { return nil }
    let found = findings.attempt { () throws(DefinitionError) in
      let file = try node.text(lengthMax: 512)
      return (try text(file, for: node), file)
    }
    return found.flatMap { parse($0.0, $0.1) }
  }

  private func zones() -> ZoneTable {
    var zones = ZoneTable()
    for file in archive.files.keys.sorted() where file.hasPrefix(BundleDefinition.zoneFolder) {
      do throws(ZoneError) {
        try zones.add(String(file.dropFirst(BundleDefinition.zoneFolder.count)), tzif: archive.files[file]!)
      } catch {
        findings.add(DefinitionError(file: file, message: error.message, suggestion: "Copy the zone's file from /usr/share/zoneinfo."))
      }
    }
    return zones
  }

  private func geo(_ node: DefinitionNode?) -> [(source: GeoSource, table: GeoTable?)] {
    let nodes = findings.attempt { () throws(DefinitionError) in try node?.list(countMax: GeoSource.countMax) }
    var tables: [(source: GeoSource, table: GeoTable?)] = []
    for node in (nodes ?? nil) ?? [] {
      guard let source = findings.attempt({ () throws(DefinitionError) in try GeoSource(node) }) else { continue }
      if tables.contains(where: { $0.source.name == source.name }) {
        findings.add(node.error("the geo table '\(source.name)' is declared twice"))
        continue
      }
      if let bytes = archive.files[source.file] {
        tables.append((source, source.table(bytes, findings)))
      } else {
        findings.add(missing(source.file, source.fileNode))
        tables.append((source, nil))
      }
    }
    return tables
  }

  // MARK: Lists and rules

  private func lists(_ node: DefinitionNode?) -> [(source: ListSource, list: MemberList?)] {
    let nodes = findings.attempt { () throws(DefinitionError) in try node?.list(countMax: ListSource.countMax) }
    var lists: [(source: ListSource, list: MemberList?)] = []
    for node in (nodes ?? nil) ?? [] {
      guard let source = findings.attempt({ () throws(DefinitionError) in try ListSource(node) }) else { continue }
      if lists.contains(where: { $0.source.name == source.name }) {
        findings.add(node.error("the list '\(source.name)' is declared twice"))
        continue
      }
      lists.append((source, list(source)))
    }
    return lists
  }

  private func list(_ source: ListSource) -> MemberList? {
    guard let bytes = archive.files[source.file] else {
      findings.add(missing(source.file, source.fileNode))
      return nil
    }
    do throws(ListFaults) {
      return try ListFile.read(bytes, name: source.name, type: source.type, file: source.file)
    } catch {
      for error in error.errors { findings.add(error) }
      return nil
    }
  }

  private func rules(
    _ inputs: RuleInputs, _ lists: [(source: ListSource, list: MemberList?)], _ zones: ZoneTable, isComplete: Bool
  ) -> BundleRules? {
    var sources: [RuleSource] = []
    for file in archive.files.keys.sorted() where file.hasPrefix(BundleDefinition.ruleFolder) {
      guard let text = findings.attempt({ () throws(DefinitionError) in try text(file, for: nil) }) else { continue }
      if file.hasSuffix(".yaml") {
        sources += RuleSource.parse(yaml: text, file: file, findings)
      } else if file.hasSuffix(".cel") {
        if let source = RuleSource.parse(cel: text, file: file, findings) { sources.append(source) }
      } else {
        findings.add(DefinitionError(file: file, message: "this is no file of rules", suggestion: "Name it '.yaml' or '.cel'."))
      }
    }
    guard sources.count <= RuleSource.countMax else {
      findings.add(
        DefinitionError(
          file: BundleDefinition.ruleFolder, message: "there are \(sources.count) rules; at most \(RuleSource.countMax) are allowed"))
      return nil
    }
    guard isComplete, !sources.isEmpty else { return nil }
    // A list that could not be read still has its name.
    var tables: [String: any MemberTable] = [:]
    for (source, list) in lists {
      tables["lists.\(source.name)"] =
        list ?? MemberList(name: source.name, file: source.file, type: source.type, count: 0, content: .numbers([], Expiries()))
    }
    return BundleRules(sources, inputs, tables: tables, zones: zones, findings)
  }

  // MARK: Model, thresholds, reasons

  private func model(_ node: DefinitionNode?, _ features: FeatureSet) throws(DefinitionError) -> Model? {
    guard let node else { return nil }
    let keys = try node.mapping(known: ["file", "format"])
    let fileNode = try keys.required("file")
    let file = try fileNode.text(lengthMax: 512)
    let format = try keys.required("format").word(ModelFormat.allCases.map { ($0.rawValue, $0) }, kind: "model format")
    guard let bytes = archive.files[file] else { throw missing(file, fileNode) }
    do throws(ModelError) {
      return try Model.parse(bytes: bytes, format: format, featureNames: features.names)
    } catch {
      throw DefinitionError(file: file, message: "\(error)")
    }
  }

  private func policy(_ node: DefinitionNode?) throws(DefinitionError) -> Policy {
    guard let node else { return Policy() }
    let keys = try node.mapping(known: ["review", "decline"])
    let policy = Policy(review: try keys["review"].map(threshold), decline: try keys["decline"].map(threshold))
    if let review = policy.review, let decline = policy.decline, review > decline {
      throw node.error("review (\(review)) lies above decline (\(decline)), so nothing would ever be reviewed")
    }
    return policy
  }

  private func threshold(_ node: DefinitionNode) throws(DefinitionError) -> Float {
    guard let value = Float(try node.text), value.isFinite else { throw node.error("expected a number, found '\(try node.text)'") }
    return value
  }

  private func reasons(_ node: DefinitionNode?, _ features: FeatureSet) -> [ReasonRule] {
    let items = findings.attempt { () throws(DefinitionError) in try node?.list(countMax: BundleDefinition.reasonsMax) }
    var rules: [ReasonRule] = []
    for item in (items ?? nil) ?? [] {
      let rule = findings.attempt { () throws(DefinitionError) in try reason(item, features) }
      guard let rule else { continue }
      if rules.contains(where: { $0.code == rule.code }) { findings.add(item.error("the code '\(rule.code)' is declared twice")) }
      rules.append(rule)
    }
    return rules
  }

  private func reason(_ item: DefinitionNode, _ features: FeatureSet) throws(DefinitionError) -> ReasonRule {
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
    return rule
  }

  // MARK: Files

  private func text(_ file: String, for node: DefinitionNode?) throws(DefinitionError) -> String {
    guard let bytes = archive.files[file] else { throw missing(file, node) }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw DefinitionError(file: file, message: "the file is not UTF-8") }
    return text
  }

  private func missing(_ file: String, _ node: DefinitionNode?) -> DefinitionError {
    let message = "the bundle has no file '\(file)'"
    let suggestion = Suggestion.sentence(for: file, among: archive.files.keys.sorted())
    return node?.error(message, suggestion: suggestion) ?? DefinitionError(file: file, message: message, suggestion: suggestion)
  }
}
