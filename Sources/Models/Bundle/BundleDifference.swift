import Wire

/// What one bundle decides by that another doesn't, for the person who releases it.
public struct BundleDifference {
  /// `+ feature count_1h`, `- list blocked`, `~ rule night: mode shadow -> on`; by kind, then by name.
  public private(set) var lines: [String] = []

  /// From `old` to `new`.
  public init(_ old: (bundle: Bundle, archive: BundleArchive), _ new: (bundle: Bundle, archive: BundleArchive)) {
    let (a, b) = (old.bundle, new.bundle)
    change("name", a.name, b.name)
    compare(
      "field", a.schema.fields.map { ($0.name, ["type": "\($0.kind)", "required": "\($0.isRequired)"]) },
      b.schema.fields.map { ($0.name, ["type": "\($0.kind)", "required": "\($0.isRequired)"]) })
    change("future_tolerance", "\(a.schema.futureTolerance) ms", "\(b.schema.futureTolerance) ms")
    change("allowed_lateness", "\(a.features.allowedLateness) ms", "\(b.features.allowedLateness) ms")
    change("events_per_entity_max", "\(a.features.eventsPerEntityMax)", "\(b.features.eventsPerEntityMax)")
    compare("feature", Self.features(a.features), Self.features(b.features))
    change("thresholds.review", Self.text(a.policy.review), Self.text(b.policy.review))
    change("thresholds.decline", Self.text(a.policy.decline), Self.text(b.policy.decline))
    compare("reason", a.reasonRules.map(Self.reason), b.reasonRules.map(Self.reason))
    compare("rule", Self.rules(a), Self.rules(b))
    compareLists(old, new)
    compare("geo table", Self.geo(a), Self.geo(b))
    compareFiles(old.archive, new.archive, a, b)
  }

  private mutating func change(_ what: String, _ a: String, _ b: String) {
    if a != b { lines.append("~ \(what): \(a) -> \(b)") }
  }

  private mutating func compare(_ kind: String, _ a: [(String, [String: String])], _ b: [(String, [String: String])]) {
    let (before, after) = (Dictionary(a) { x, _ in x }, Dictionary(b) { x, _ in x })
    for name in Set(before.keys).union(after.keys).sorted() {
      switch (before[name], after[name]) {
      case (nil, _?): lines.append("+ \(kind) \(name)")
      case (_?, nil): lines.append("- \(kind) \(name)")
      case (let x?, let y?):
        let changes = Set(x.keys).union(y.keys).sorted().filter { x[$0] != y[$0] }
          .map { "\($0) \(x[$0] ?? "none") -> \(y[$0] ?? "none")" }
        if !changes.isEmpty { lines.append("~ \(kind) \(name): \(changes.joined(separator: ", "))") }
      default: break
      }
    }
  }

  private static func text(_ threshold: Float?) -> String { threshold.map { "\($0)" } ?? "none" }

  /// A feature's definition in words: other features by their names, since their places differ between bundles.
  private static func features(_ set: FeatureSet) -> [(String, [String: String])] {
    set.features.map { feature in
      let definition: String
      switch feature.aggregate {
      case .ratio(let numerator, let by):
        let of = if case .feature(let index) = numerator { set.features[index].name } else { "amount" }
        definition = "\(of) / \(set.features[by].name)"
      default: definition = "\(feature.aggregate)"
      }
      return (feature.name, ["definition": definition])
    }
  }

  private static func geo(_ bundle: Bundle) -> [(String, [String: String])] {
    bundle.geo.map { table in
      (
        table.name,
        [
          "type": table.type, "built": table.built, "records": "\(table.recordCount)", "bytes": "\(table.byteCount)",
          "fields": table.columns.map(\.name).joined(separator: " "),
        ]
      )
    }
  }

  private static func reason(_ rule: ReasonRule) -> (String, [String: String]) {
    (rule.code, ["text": "'\(rule.text)'", "above": rule.above.map { "\($0)" } ?? "none", "below": rule.below.map { "\($0)" } ?? "none"])
  }

  private static func rules(_ bundle: Bundle) -> [(String, [String: String])] {
    (bundle.rules?.book.rules ?? []).map { rule in
      let effect =
        switch rule.effect {
        case .action(let action): "\(action)"
        case .score(let score): "score \(score)"
        }
      return (
        rule.id,
        [
          "when": "'\(rule.expression)'", "reason": rule.reasonCode, "text": "'\(rule.text)'", "effect": effect,
          "mode": rule.mode.rawValue, "on_failure": rule.failureMode.rawValue,
        ]
      )
    }
  }

  private mutating func compareLists(
    _ old: (bundle: Bundle, archive: BundleArchive), _ new: (bundle: Bundle, archive: BundleArchive)
  ) {
    let (before, after) = (Self.lists(old), Self.lists(new))
    compare("list", before.map { ($0.key, ["type": $0.value.type]) }, after.map { ($0.key, ["type": $0.value.type]) })
    for name in before.keys.sorted() {
      guard let a = before[name]?.lines, let b = after[name]?.lines, a != b else { continue }
      lines.append("~ list \(name): \(b.subtracting(a).count) lines added, \(a.subtracting(b).count) removed, \(b.count) now")
    }
  }

  private static func lists(
    _ one: (bundle: Bundle, archive: BundleArchive)
  ) -> [String: (type: String, lines: Set<ArraySlice<UInt8>>)] {
    var found: [String: (type: String, lines: Set<ArraySlice<UInt8>>)] = [:]
    for list in one.bundle.lists {
      let lines = (one.archive.files[list.file] ?? []).split(separator: UInt8(ascii: "\n"))
      found[list.name] = (list.type.rawValue, Set(lines))
    }
    return found
  }

  /// Files that nothing above speaks of: models, tests.
  private mutating func compareFiles(_ a: BundleArchive, _ b: BundleArchive, _ old: Bundle, _ new: Bundle) {
    let told = Set(old.lists.map(\.file) + new.lists.map(\.file) + old.geo.map(\.file) + new.geo.map(\.file))
    for path in Set(a.files.keys).union(b.files.keys).sorted()
    where !path.hasSuffix(".yaml") && !path.hasSuffix(".cel") && !told.contains(path) {
      switch (a.files[path], b.files[path]) {
      case (nil, _?): lines.append("+ file \(path)")
      case (_?, nil): lines.append("- file \(path)")
      case (let x?, let y?) where x != y: lines.append("~ file \(path): \(x.count) -> \(y.count) bytes")
      default: break
      }
    }
    for path in Set(a.files.keys).union(b.files.keys).sorted()
    where path.hasPrefix(BundleTest.folder) && a.files[path] != b.files[path] {
      lines.append("~ tests \(path)")
    }
  }
}
