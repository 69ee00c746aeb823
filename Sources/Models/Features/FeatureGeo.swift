import Wire

/// What features read of geo tables, by a transaction's IP address: its country (`ip_country`), and the place that distances are
/// measured from (`from: ip`). An event keeps what the table of its time said.
struct FeatureGeo: Sendable, Equatable {
  /// The bundle's first table with countries.
  let country: GeoTable?
  /// The first with coordinates.
  let place: GeoTable?
  private let readers: [(reader: GeoReader, fields: [Field])]

  private enum Field { case country, latitude, longitude }

  init(_ tables: [GeoTable] = []) {
    self.init(
      country: tables.first { $0.column("country") != nil },
      place: tables.first { $0.column("latitude") != nil && $0.column("longitude") != nil })
  }

  private init(country: GeoTable?, place: GeoTable?) {
    (self.country, self.place) = (country, place)
    var readers: [(reader: GeoReader, fields: [Field])] = []
    if let country, country === place {
      readers.append((country.reader(["country", "latitude", "longitude"]), [.country, .latitude, .longitude]))
    } else {
      if let country { readers.append((country.reader(["country"]), [.country])) }
      if let place { readers.append((place.reader(["latitude", "longitude"]), [.latitude, .longitude])) }
    }
    self.readers = readers
  }

  /// Only what the fields ask for, so that sets which ask for nothing are equal whatever tables their bundles have.
  func only(_ fields: Set<EventField>) -> FeatureGeo {
    FeatureGeo(country: fields.contains(.ipCountry) ? country : nil, place: fields.contains(.ipLocation) ? place : nil)
  }

  var isEmpty: Bool { readers.isEmpty }

  /// The country's code and the place as events keep them; 0 is missing.
  @inline(__always) func read(_ ip: RawSpan) -> (country: UInt16, location: UInt64) {
    var code: UInt16 = 0
    var (latitude, longitude) = (Double.nan, Double.nan)
    guard ip.byteCount > 0 else { return (0, 0) }
    for (reader, fields) in readers {
      reader.read(ip: ip) { field, value in
        switch (fields[field], value) {
        case (.country, .text(let text)): if text.count == 2 { code = Country(text[0], text[1])?.code ?? 0 }
        case (.latitude, .number(let value)): latitude = value
        case (.longitude, .number(let value)): longitude = value
        default: break
        }
      }
    }
    return (code, Location.packed(latitude: latitude, longitude: longitude))
  }

  static func == (a: FeatureGeo, b: FeatureGeo) -> Bool { a.country == b.country && a.place == b.place }
}
