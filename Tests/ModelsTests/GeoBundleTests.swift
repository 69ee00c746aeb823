import Foundation
import Testing
import Wire

@testable import Models

@Suite("Geo tables in a bundle: rules, features, mistakes")
struct GeoBundleTests {
  static let geo = "geo:\n  - {name: city, file: geo/city.mmdb}\n"
  static let head = "version: 1\nname: test\nschema: schema.yaml\nfeatures: features.yaml\n"

  static func archive(features: [String], schema: String = "version: 1", bundle: String = geo, _ files: [String: String] = [:])
    -> BundleArchive
  {
    var all = [
      "bundle.yaml": head + bundle, "schema.yaml": schema,
      "features.yaml": "version: 1\nfeatures:\n" + features.map { "  - {\($0)}\n" }.joined(),
    ]
    all.merge(files) { $1 }
    var archive = BundleArchive(files: all.mapValues { Array($0.utf8) })
    archive.files["geo/city.mmdb"] = GeoReaderTests.sample(24, 6).bytes()
    return archive
  }

  static let count = ["name: n, aggregate: count, window: 1h"]

  static func record(ip: String?, minute: Int64 = 0, country: String? = nil, place: (Double, Double)? = nil) -> [UInt8] {
    BundleRulesTests.transaction { builder in
      builder.extras = []
      builder.extraCount = 0
      builder.eventTime += minute * 60_000
      if let ip { builder.ip = GeoReaderTests.ip(ip) }
      if let country { builder.country = Country(country)! }
      if let place {
        builder.addExtra(0, .number(place.0))
        builder.addExtra(1, .number(place.1))
      }
    }
  }

  static func decide(_ when: String, _ record: [UInt8]) throws -> Decision.Action {
    let rule = BundleRulesTests.rules(["{id: a, when: \"\(when)\", reason: A, action: decline, on_failure: review}"])
    let archive = archive(features: count, ["rules/a.yaml": rule])
    #expect(BundleCheck.findings(in: archive) == [])
    return BundleRulesTests.Rig(try Models.Bundle(archive: archive, id: BundleID(high: 1, low: 2))).decide(record).action
  }

  @Test func rulesAskWhereTheAddressIs() throws {
    let paris = Self.record(ip: "81.2.69.7", country: "US")
    #expect(try Self.decide("geo.city.country != tx.country", paris) == .decline)
    #expect(try Self.decide("geo.city.country == tx.country", paris) == .approve)
    #expect(try Self.decide("geo.city.city == 'Paris' && geo.city.latitude > 48.0 && geo.city.accuracy_km < 50", paris) == .decline)
    #expect(try Self.decide("geo.city.subdivision in ['75', '92']", paris) == .decline)
    // Of an unknown address, and without one, everything is missing: a rule that needs it fails.
    for record in [Self.record(ip: "9.9.9.9"), Self.record(ip: nil)] {
      #expect(try Self.decide("geo.city.country == 'FR'", record) == .review)
      #expect(try Self.decide("has(geo.city.country) && geo.city.country == 'FR'", record) == .approve)
      #expect(try Self.decide("!has(geo.city.country)", record) == .decline)
    }
  }

  @Test func aLookupLeavesNothingOfTheOneBefore() throws {
    let rule = BundleRulesTests.rules(["{id: a, when: has(geo.city.city), reason: A, action: decline}"])
    let bundle = try Models.Bundle(archive: Self.archive(features: Self.count, ["rules/a.yaml": rule]), id: BundleID(high: 1, low: 2))
    #expect(bundle.rules!.book.boxed.isEmpty, "evaluated without allocating")
    let rig = BundleRulesTests.Rig(bundle)
    #expect(rig.decide(Self.record(ip: "81.2.69.7")).action == .decline)
    #expect(rig.decide(Self.record(ip: nil)).action == .approve)
  }

  static func rows(_ archive: BundleArchive, _ records: [[UInt8]]) throws -> [[Double]] {
    let rig = BundleRulesTests.Rig(try Models.Bundle(archive: archive, id: BundleID(high: 1, low: 2)))
    return records.map { record in
      _ = rig.decide(record)
      return rig.rows
    }
  }

  @Test func theCountryOfTheAddressIsAFieldLikeOthers() throws {
    let archive = Self.archive(features: [
      "name: own, aggregate: field, of: ip_country", "name: changed, aggregate: changed, of: ip_country",
      "name: n, aggregate: distinct, of: ip_country, window: 1h", "name: new, aggregate: is_new, of: ip_country, window: 1h",
      "name: french, aggregate: count, window: 1h, where: {ip_country: [FR]}", "name: last, aggregate: last, of: ip_country",
    ])
    let rows = try Self.rows(
      archive,
      [
        Self.record(ip: "81.2.69.7"), Self.record(ip: "81.2.70.7", minute: 1), Self.record(ip: nil, minute: 2),
        Self.record(ip: "81.2.69.1", minute: 3),
      ])
    let (fr, us) = (Double(Country("FR")!.code), Double(Country("US")!.code))
    #expect(rows[0][0] == fr && rows[0][1].isNaN && rows[0][2...4] == [1, 1, 1] && rows[0][5].isNaN)
    #expect(rows[1] == [us, 1, 2, 1, 1, fr])
    #expect(rows[2][0].isNaN && rows[2][1].isNaN && rows[2][2] == 2 && rows[2][3].isNaN && rows[2][4...] == [1, us])
    #expect(rows[3][0] == fr && rows[3][1].isNaN && rows[3][2...4] == [2, 0, 2] && rows[3][5].isNaN)
  }

  @Test func distancesAreOfTheAddressWhereTheSchemaHasNoPlace() throws {
    let coordinates = """
      version: 1
      fields:
        - {name: lat, type: number}
        - {name: lon, type: number}
      coordinates: {latitude: lat, longitude: lon}
      """
    let records = [
      Self.record(ip: "81.2.69.7", place: (0, 0)), Self.record(ip: "81.2.70.7", minute: 60, place: (0, 1)),
    ]
    let own = try Self.rows(
      Self.archive(
        features: [
          "name: km, aggregate: distance", "name: ip_km, aggregate: distance, from: ip", "name: v, aggregate: speed, from: coordinates",
        ],
        schema: coordinates), records)
    #expect((own[1][0] - 111.19).magnitude < 0.01 && (own[1][1] - 5837.24).magnitude < 0.05 && own[1][2] == own[1][0])
    let byAddress = try Self.rows(
      Self.archive(features: ["name: km, aggregate: distance", "name: v, aggregate: speed"]),
      [Self.record(ip: "81.2.69.7"), Self.record(ip: "81.2.70.7", minute: 60)])
    #expect(byAddress[1][0] == own[1][1] && byAddress[1][1] == own[1][1])
  }

  static func messages(_ archive: BundleArchive) -> [String] { BundleCheck.findings(in: archive).map(\.description) }

  @Test func mistakesAreToldWithTheirPlaces() {
    let none = Self.archive(features: ["name: own, aggregate: field, of: ip_country"], bundle: "")
    #expect(Self.messages(none).contains { $0.contains("features.yaml:3") && $0.contains("no geo table with countries") })
    #expect(Self.messages(none).contains { $0.contains("geo/city.mmdb") && $0.contains("no geo table of bundle.yaml has this file") })
    let distance = Self.archive(features: ["name: km, aggregate: distance, from: ip"], bundle: "")
    #expect(Self.messages(distance).contains { $0.contains("no geo table with coordinates") })
    var damaged = Self.archive(features: Self.count)
    damaged.files["geo/city.mmdb"] = [1, 2, 3]
    #expect(Self.messages(damaged).contains { $0.hasPrefix("geo/city.mmdb") && $0.contains("no metadata section") })
    let rule = BundleRulesTests.rules(["{id: a, when: geo.city.contry == 'FR', reason: A, action: decline}"])
    #expect(Self.messages(Self.archive(features: Self.count, ["rules/a.yaml": rule])).contains { $0.contains("geo.city.country") })
    let typed = BundleRulesTests.rules(["{id: a, when: geo.city.latitude == 'FR', reason: A, action: decline}"])
    #expect(!Self.messages(Self.archive(features: Self.count, ["rules/a.yaml": typed])).isEmpty)
    let declared = "geo:\n  - {name: city, file: geo/city.mmdb, fields: [{name: risk, path: risk.score, type: number}]}\n"
    #expect(Self.messages(Self.archive(features: Self.count, bundle: declared)).contains { $0.contains("has a number at 'risk.score'") })
    let again = "geo:\n  - {name: a, file: geo/city.mmdb}\n  - {name: a, file: geo/b.mmdb}\n"
    #expect(Self.messages(Self.archive(features: Self.count, bundle: again)).contains { $0.contains("declared twice") })
  }

  @Test func aDeclaredFieldIsRead() throws {
    let declared = "geo:\n  - {name: city, file: geo/city.mmdb, fields: [{name: eu, path: country.is_eu, type: flag}]}\n"
    let rule = BundleRulesTests.rules(["{id: a, when: geo.city.eu, reason: A, action: decline}"])
    let archive = Self.archive(features: Self.count, bundle: declared, ["rules/a.yaml": rule])
    #expect(Self.messages(archive) == [])
    let rig = BundleRulesTests.Rig(try Models.Bundle(archive: archive, id: BundleID(high: 1, low: 2)))
    #expect(rig.decide(Self.record(ip: "81.2.69.7")).action == .decline)
  }

  @Test func anotherBuildOfATableIsADifference() throws {
    let a = Self.archive(features: Self.count)
    var b = a
    var writer = GeoReaderTests.sample(24, 6)
    writer.epoch += 86_400
    b.files["geo/city.mmdb"] = writer.bytes()
    func loaded(_ archive: BundleArchive) throws -> (Models.Bundle, BundleArchive) {
      (try Models.Bundle(archive: archive, id: BundleID(high: 1, low: 2)), archive)
    }
    let lines = BundleDifference(try loaded(a), try loaded(b)).lines
    #expect(lines == ["~ geo table city: built 2026-01-05T00:00:00.000Z -> 2026-01-06T00:00:00.000Z"])
    #expect(BundleID(contents: a.encode()) != BundleID(contents: b.encode()), "the bundle that a decision names is the tables' version")
  }
}
