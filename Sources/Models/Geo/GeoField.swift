/// A value that rules may ask of a geo table: its name, its type, and the ways to it in a record.
struct GeoField: Equatable, Sendable {
  enum Kind: String, Sendable, CaseIterable {
    case text, number, integer, flag
  }

  var name: String
  var kind: Kind
  /// Keys of maps and indices of arrays, from a record's top. The first that any record of the file has is taken.
  var paths: [[String]]
  /// The bundle declares it: a file without it is a mistake.
  var isDeclared = false

  static let pathLengthMax = 8

  /// What the usual databases have, under the names that they have it by: countries and cities with their coordinates, networks'
  /// owners, and what is known of proxies.
  static let standard: [GeoField] = [
    GeoField("country", .text, "country.iso_code", "country_code", "country"),
    GeoField("registered_country", .text, "registered_country.iso_code"),
    GeoField("continent", .text, "continent.code", "continent_code", "continent"),
    GeoField("subdivision", .text, "subdivisions.0.iso_code", "region_code", "region"),
    GeoField("city", .text, "city.names.en", "city"),
    GeoField("postal_code", .text, "postal.code", "postal_code"),
    GeoField("time_zone", .text, "location.time_zone", "time_zone", "timezone"),
    GeoField("latitude", .number, "location.latitude", "latitude"),
    GeoField("longitude", .number, "location.longitude", "longitude"),
    GeoField("accuracy_km", .integer, "location.accuracy_radius"),
    GeoField("asn", .integer, "autonomous_system_number", "traits.autonomous_system_number"),
    GeoField("organization", .text, "autonomous_system_organization", "traits.autonomous_system_organization"),
    GeoField("is_anonymous", .flag, "is_anonymous", "traits.is_anonymous"),
    GeoField("is_anonymous_vpn", .flag, "is_anonymous_vpn", "traits.is_anonymous_vpn"),
    GeoField("is_hosting_provider", .flag, "is_hosting_provider", "traits.is_hosting_provider"),
    GeoField("is_public_proxy", .flag, "is_public_proxy", "traits.is_public_proxy"),
    GeoField("is_tor_exit_node", .flag, "is_tor_exit_node", "traits.is_tor_exit_node"),
  ]

  private init(_ name: String, _ kind: Kind, _ paths: String...) {
    self.init(name: name, kind: kind, paths: paths.map { $0.split(separator: ".").map(String.init) })
  }

  init(name: String, kind: Kind, paths: [[String]], isDeclared: Bool = false) {
    (self.name, self.kind, self.paths, self.isDeclared) = (name, kind, paths, isDeclared)
  }
}

extension GeoValue {
  /// As the kind asks for it; nil for a value of another type.
  func converted(to kind: GeoField.Kind) -> GeoValue? {
    switch (self, kind) {
    case (.text, .text), (.number, .number), (.integer, .integer), (.flag, .flag): self
    case (.integer(let value), .number): .number(Double(value))
    default: nil
    }
  }
}
