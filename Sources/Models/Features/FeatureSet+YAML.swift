import CEL
import Wire

extension FeatureSet {
  /// Reads a feature set; see `FeatureSet` for the format. `file` is the name that errors carry.
  public static func parse(
    yaml: String, schema: Schema, zones: ZoneTable = ZoneTable(), geo: [GeoTable] = [], file: String = "features.yaml"
  ) throws(DefinitionError) -> FeatureSet {
    try Findings.strict { parse(yaml: yaml, schema: schema, zones: zones, geo: FeatureGeo(geo), file: file, $0) }
  }

  /// Goes on behind a fault. What it gives then has the names of all features, so that rules and models can be looked at, too.
  static func parse(
    yaml: String, schema: Schema, zones: ZoneTable, geo: FeatureGeo, file: String, _ findings: Findings
  ) -> FeatureSet? {
    findings.attempt { () throws(DefinitionError) in
      let root = try DefinitionNode.parse(yaml: yaml, file: file, findings: findings)
      let top = try root.mapping(known: ["version", "allowed_lateness", "retention", "events_per_entity_max", "features"])
      try top.requireVersion(1)
      let lateness = findings.attempt { () throws(DefinitionError) in
        try top["allowed_lateness"]?.duration(in: 0...allowedLatenessMax)
      }
      let eventsMax = findings.attempt { () throws(DefinitionError) in
        try top["events_per_entity_max"]?.integer(in: 16...Int64(eventsPerEntityLimit))
      }
      let retention = findings.attempt { () throws(DefinitionError) in
        try top["retention"]?.duration(in: 1000...2 * Window.lengthMax)
      }
      let nodes = try top.required("features").list(countMax: featureCountMax)
      guard !nodes.isEmpty else { throw root.error("declares no feature") }
      var parser = FeatureParser(
        schema: schema, zones: zones, geo: geo, retention: retention ?? nil, lateness: (lateness ?? nil) ?? allowedLatenessDefault)
      for node in nodes { _ = findings.attempt { () throws(DefinitionError) in try parser.declare(node) } }
      var features: [Feature] = []
      for index in parser.names.indices {
        let aggregate = findings.attempt { () throws(DefinitionError) in try parser.aggregate(index) }
        let entity = findings.attempt { () throws(DefinitionError) in try parser.entity(index) }
        features.append(Feature(name: parser.names[index], entity: entity ?? .card, aggregate: aggregate ?? .own(.amount)))
      }
      var ring: [Int] = []
      if order(features.map(\.aggregate), ring: &ring) == nil {
        let names = ring.map { "'\(parser.names[$0])'" }.joined(separator: ", by ")
        findings.add(parser.node(ring[0]).error("the feature is computed from itself: \(names)", suggestion: "Break the ring."))
      }
      return FeatureSet(
        features: features, allowedLateness: (lateness ?? nil) ?? allowedLatenessDefault,
        eventsPerEntityMax: (eventsMax ?? nil).map { Int($0) } ?? 4096, extraFieldCount: schema.fields.count,
        coordinates: schema.coordinates, zones: parser.usesZones ? zones : ZoneTable(),
        geo: geo.only(features.reduce(into: []) { $0.formUnion($1.aggregate.fields) }))
    }
  }
}

/// Reads the features' entries in two passes: all names first, so that a ratio may name any feature.
private struct FeatureParser {
  let schema: Schema
  let zones: ZoneTable
  let geo: FeatureGeo
  let retention: Int64?
  let lateness: Int64
  private(set) var names: [String] = []
  private var entries: [DefinitionMapping] = []

  init(schema: Schema, zones: ZoneTable, geo: FeatureGeo, retention: Int64?, lateness: Int64) {
    self.lateness = lateness
    self.schema = schema
    self.zones = zones
    self.geo = geo
    self.retention = retention
  }

  /// Two sets with the same features and other zones decide otherwise; without such features, zones don't matter.
  var usesZones: Bool { entries.contains { $0["zone"] != nil || $0["zone_of"] != nil } }

  private static let keys = [
    "name", "entity", "aggregate", "of", "by", "window", "lag", "where", "zone", "zone_of", "from", "to", "resolution",
  ]

  mutating func declare(_ node: DefinitionNode) throws(DefinitionError) {
    let entry = try node.mapping(known: Self.keys)
    let nameNode = try entry.required("name")
    let name = try nameNode.identifier()
    guard !names.contains(name) else { throw nameNode.error("the feature '\(name)' is declared twice") }
    names.append(name)
    entries.append(entry)
  }

  /// Aggregates that need no entity's history.
  private static let withoutEntity: Set<String> = ["field", "ratio", "hour", "day_of_week", "weekend", "night"]

  /// Whose history a feature is of; the card's where it does not say.
  func entity(_ index: Int) throws(DefinitionError) -> EntityKind { try entity(entries[index]) }

  private func entity(_ entry: DefinitionMapping) throws(DefinitionError) -> EntityKind {
    guard let node = entry["entity"] else { return .card }
    let kind = try node.word(EntityKind.allCases.map { ("\($0)", $0) }, kind: "entity")
    let aggregate = try entry.required("aggregate").text
    if kind != .card, Self.withoutEntity.contains(aggregate) {
      throw node.error("'\(aggregate)' is of the transaction itself, not of its \(kind)", suggestion: "Leave 'entity' out.")
    }
    return kind
  }

  func node(_ index: Int) -> DefinitionNode { entries[index].whole }

  func aggregate(_ index: Int) throws(DefinitionError) -> Aggregate { try aggregate(entries[index]) }

  private func aggregate(_ entry: DefinitionMapping) throws(DefinitionError) -> Aggregate {
    let node = try entry.required("aggregate")
    let word = try node.text
    switch word {
    case "count", "sum", "mean", "min", "max", "stddev", "zscore":
      try allow(["window", "lag", "where", "of", "resolution"], in: entry, aggregate: word)
      if let of = entry["of"], try of.text != "amount" {
        throw of.error("'\(word)' is of the amount", suggestion: "Leave 'of' out.")
      }
      let table = [
        ("count", Aggregate.Statistic.count), ("sum", .sum), ("mean", .mean), ("min", .min), ("max", .max),
        ("stddev", .stddev), ("zscore", .zscore),
      ]
      return .statistic(try node.word(table, kind: "aggregate"), try window(entry), try filter(entry))
    case "fraud_count", "fraud_share":
      try allow(["window", "lag", "where"], in: entry, aggregate: word)
      let (window, filter) = (try window(entry), try filter(entry))
      return word == "fraud_count" ? .fraudCount(window, filter) : .fraudShare(window, filter)
    case "distinct":
      try allow(["of", "window", "lag", "where", "resolution"], in: entry, aggregate: word)
      let window = try window(entry)
      if let node = entry["resolution"], window.lag > 0 {
        throw node.error("a distinct count with a lag has no resolution", suggestion: "Leave 'lag' or 'resolution' out.")
      }
      return .distinct(try field(entry), window, try filter(entry))
    case "is_new":
      try allow(["of", "window"], in: entry, aggregate: word)
      return .isNew(try field(entry), try window(entry))
    case "seconds_since_last":
      try allow(["window", "where"], in: entry, aggregate: word)
      let filter = try filter(entry)
      if filter != nil { _ = try entry.required("window") }
      let length = try entry["window"].map { n throws(DefinitionError) in try Self.length(n) }
      if let length, let node = entry["window"] { try checkRetention(length, node) }
      return .secondsSinceLast(length: length, filter)
    case "last":
      try allow(["of"], in: entry, aggregate: word)
      if try entry.required("of").text == "amount" { return .lastAmount }
      return .last(try codeField(entry))
    case "changed":
      try allow(["of"], in: entry, aggregate: word)
      return .changed(try field(entry))
    case "field":
      try allow(["of"], in: entry, aggregate: word)
      return .own(try ownField(try entry.required("of")))
    case "ratio":
      try allow(["of", "by"], in: entry, aggregate: word)
      return try ratio(entry)
    case "hour", "day_of_week", "weekend", "night":
      try allow(word == "night" ? ["zone", "zone_of", "from", "to"] : ["zone", "zone_of"], in: entry, aggregate: word)
      return .calendar(Calendar(part: try part(word, entry), place: try place(entry)))
    case "distance", "speed":
      try allow(["window", "from"], in: entry, aggregate: word)
      let place = try measured(entry, node)
      let length = try entry["window"].map { n throws(DefinitionError) in try Self.length(n) } ?? 86_400_000
      try checkRetention(length, entry["window"] ?? node)
      return word == "distance" ? .distance(length: length, from: place) : .speed(length: length, from: place)
    default:
      let known = [
        "count", "sum", "mean", "min", "max", "stddev", "zscore", "distinct", "is_new", "seconds_since_last",
        "last", "changed", "field", "ratio", "hour", "day_of_week", "weekend", "night", "distance", "speed", "fraud_count",
        "fraud_share",
      ]
      throw node.error("'\(word)' is not a known aggregate", suggestion: Suggestion.sentence(for: word, among: known))
    }
  }

  /// Keys that this aggregate doesn't use are mistakes, not decoration.
  private func allow(_ keys: [String], in entry: DefinitionMapping, aggregate: String) throws(DefinitionError) {
    for key in Self.keys
    where entry[key] != nil && !keys.contains(key) && !["name", "entity", "aggregate"].contains(key) {
      throw entry[key]!.error("the aggregate '\(aggregate)' takes no '\(key)'")
    }
  }

  private func window(_ entry: DefinitionMapping) throws(DefinitionError) -> Window {
    let node = try entry.required("window")
    let length = try Self.length(node)
    let lag = try entry["lag"]?.duration(in: 0...Window.lengthMax) ?? 0
    let window = Window(length: length, lag: lag, resolution: try resolution(entry, reach: length + lag))
    try checkRetention(window.reach, node)
    return window
  }

  private func resolution(_ entry: DefinitionMapping, reach: Int64) throws(DefinitionError) -> Int64? {
    guard let node = entry["resolution"] else { return nil }
    let resolution = try node.duration(in: 1_000...86_400_000)
    let stretches = (reach + lateness) / resolution
    guard stretches <= CoarsePlan.stretchesMax else {
      throw node.error(
        "the window and the allowed lateness have \(stretches) stretches of \(DurationText.text(milliseconds: resolution)); "
          + "at most \(CoarsePlan.stretchesMax) are kept",
        suggestion: "Take a coarser resolution.")
    }
    return resolution
  }

  private func checkRetention(_ reach: Int64, _ node: DefinitionNode) throws(DefinitionError) {
    guard let retention, reach > retention else { return }
    let (back, kept) = (DurationText.text(milliseconds: reach), DurationText.text(milliseconds: retention))
    throw node.error(
      "the window reaches back \(back), and events are kept for \(kept)", suggestion: "Shorten it or its lag, or raise 'retention'.")
  }

  private func part(_ word: String, _ entry: DefinitionMapping) throws(DefinitionError) -> Calendar.Part {
    switch word {
    case "hour": return .hour
    case "day_of_week": return .dayOfWeek
    case "weekend": return .weekend
    default:
      let (from, to) = (try entry["from"]?.integer(in: 0...23) ?? 22, try entry["to"]?.integer(in: 0...23) ?? 6)
      guard from != to else { throw entry["to"]!.error("a night from \(from) to \(to) has no hours") }
      return .night(from: Int(from), to: Int(to))
    }
  }

  private func place(_ entry: DefinitionMapping) throws(DefinitionError) -> Calendar.Place {
    if let node = entry["zone_of"] {
      if let zone = entry["zone"] { throw zone.error("a calendar feature has 'zone' or 'zone_of', not both") }
      let texts = schema.fields.filter { $0.kind == .text }.map(\.name)
      let name = try node.text
      guard texts.contains(name), let index = schema.fieldIndex(named: name) else {
        throw node.error("the schema has no text field '\(name)'", suggestion: Suggestion.sentence(for: name, among: texts))
      }
      return .field(index)
    }
    guard let node = entry["zone"] else { return .utc }
    let name = try node.text
    if name == "UTC" { return .utc }
    guard zones.zone(name) != nil else {
      throw node.error(
        "the bundle has no zone '\(name)'",
        suggestion: "Put its compiled file (/usr/share/zoneinfo/\(name)) at zones/\(name), or write a distance such as '+01:00'.")
    }
    return .zone(name)
  }

  private static func length(_ node: DefinitionNode) throws(DefinitionError) -> Int64 {
    try node.duration(in: 1000...Window.lengthMax)
  }

  /// What distances are measured from: the schema's coordinates where it has any and the feature does not ask for the others.
  private func measured(_ entry: DefinitionMapping, _ node: DefinitionNode) throws(DefinitionError) -> EventField {
    let asked = try entry["from"].map { n throws(DefinitionError) in
      try n.word([("coordinates", EventField.location), ("ip", .ipLocation)], kind: "place")
    }
    let place = asked ?? (schema.coordinates != nil || geo.place == nil ? .location : .ipLocation)
    if place == .location, schema.coordinates == nil {
      throw (entry["from"] ?? node).error(
        "the schema has no coordinates to measure from",
        suggestion: "Declare them in schema.yaml, as in 'coordinates: {latitude: lat, longitude: lon}', or a geo table with "
          + "coordinates in bundle.yaml, by which the IP address has a place.")
    }
    if place == .ipLocation, geo.place == nil {
      throw entry["from"]!.error("the bundle has no geo table with coordinates", suggestion: Self.geoSuggestion)
    }
    return place
  }

  private static let geoSuggestion = "Declare one in bundle.yaml, as in 'geo: [{name: city, file: geo/city.mmdb}]'."

  private func checkGeo(_ field: EventField, _ node: DefinitionNode) throws(DefinitionError) {
    guard field == .ipCountry, geo.country == nil else { return }
    throw node.error("the bundle has no geo table with countries", suggestion: Self.geoSuggestion)
  }

  private func field(_ entry: DefinitionMapping) throws(DefinitionError) -> EventField {
    let fields = try entry["entity"] == nil ? EventField.ofCard : EventField.of(entity(entry))
    let node = try entry.required("of")
    let field = try node.word(fields.map { ($0.name, $0) }, kind: "field")
    try checkGeo(field, node)
    return field
  }

  /// A field whose value is a number that a model can use.
  private func codeField(_ entry: DefinitionMapping) throws(DefinitionError) -> EventField {
    let node = try entry.required("of")
    let field = try node.word(EventField.codes.map { ($0.name, $0) }, kind: "field with a numeric value")
    try checkGeo(field, node)
    return field
  }

  private func ownField(_ node: DefinitionNode) throws(DefinitionError) -> Aggregate.OwnField {
    let name = try node.text
    if let index = schema.fieldIndex(named: name) {
      guard schema.fields[index].kind != .text else { throw node.error("'\(name)' is a text; a feature is a number") }
      return .extra(index)
    }
    let codes = EventField.codes.map { ($0.name, Aggregate.OwnField.code($0)) }
    let fixed: [(String, Aggregate.OwnField)] =
      [("amount", .amount), ("hour", .hour), ("day_of_week", .dayOfWeek)] + codes
    let extras = schema.fields.indices.map { (schema.fields[$0].name, Aggregate.OwnField.extra($0)) }
    let own = try node.word(fixed + extras, kind: "field")
    if case .code(let field) = own { try checkGeo(field, node) }
    return own
  }

  private func ratio(_ entry: DefinitionMapping) throws(DefinitionError) -> Aggregate {
    let of = try entry.required("of")
    let numerator: Aggregate.Numerator = try of.text == "amount" ? .amount : .feature(try reference(of))
    return .ratio(numerator, by: try reference(try entry.required("by")))
  }

  private func reference(_ node: DefinitionNode) throws(DefinitionError) -> Int {
    let name = try node.text
    guard let target = names.firstIndex(of: name) else {
      throw node.error("there is no feature '\(name)'", suggestion: Suggestion.sentence(for: name, among: names))
    }
    return target
  }

  private func filter(_ entry: DefinitionMapping) throws(DefinitionError) -> EventFilter? {
    guard let node = entry["where"] else { return nil }
    let codes = EventField.codes
    let conditions = try node.mapping(known: codes.map(\.name) + ["amount_above", "amount_below"])
    var filter = EventFilter()
    for field in codes {
      guard let list = conditions[field.name] else { continue }
      try checkGeo(field, list)
      var values: Set<UInt16> = []
      for element in try list.list(countMax: 1000) { values.insert(try Self.code(element, field)) }
      guard !values.isEmpty else { throw list.error("the list is empty: no event would count") }
      filter.conditions.append(EventFilter.Condition(field: field, values: values.sorted()))
    }
    let amounts = 0...Schema.amountMax
    if let above = conditions["amount_above"] { filter.amountAbove = try above.integer(in: amounts) }
    if let below = conditions["amount_below"] { filter.amountBelow = try below.integer(in: amounts) }
    guard filter != EventFilter() else { throw node.error("states no condition") }
    return filter
  }

  /// The value as a ring stores it.
  private static func code(_ node: DefinitionNode, _ field: EventField) throws(DefinitionError) -> UInt16 {
    switch field {
    case .mcc: return UInt16(try node.integer(in: 0...9999)) + 1
    case .country, .ipCountry:
      guard let country = Country(try node.text) else {
        throw node.error("'\(try node.text)' is not a country (two letters A to Z)")
      }
      return country.code
    case .currency:
      guard let currency = Currency(try node.text) else {
        throw node.error("'\(try node.text)' is not an active ISO 4217 currency")
      }
      return currency.numeric
    case .channel:
      return UInt16(try node.word(Channel.allCases.dropFirst().map { ($0.name, $0.rawValue) }, kind: "channel"))
    case .entryMode:
      return UInt16(try node.word(EntryMode.allCases.dropFirst().map { ($0.name, $0.rawValue) }, kind: "entry mode"))
    case .merchant, .terminal, .device, .ip, .card, .customer, .location, .ipLocation, .transaction, .labelVersion, .label:
      preconditionFailure("a filter is over codes")
    }
  }
}
