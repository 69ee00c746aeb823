import CEL
import Foundation
import Testing
import Wire

@testable import Models

@Suite("Features: the calendar, places, ratios in any order")
struct FeaturesOwnTests {
  static let schemaYAML = """
    version: 1
    fields:
      - {name: lat, type: number}
      - {name: lon, type: number}
      - {name: zone, type: text}
      - {name: note, type: text}
    coordinates: {latitude: lat, longitude: lon}
    """

  /// A zone two hours east of UTC, three in summer: as Helsinki's, in the rule alone.
  static let helsinki: [UInt8] = {
    func header(_ counts: [UInt8]) -> [UInt8] { Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15) + counts.flatMap { [0, 0, 0, $0] } }
    let kind: [UInt8] = [0, 0, 0x1C, 0x20, 0, 0]
    let name = Array("EET\0".utf8)
    return header([0, 0, 0, 0, 1, 4]) + kind + name + header([0, 0, 0, 0, 1, 4]) + kind + name
      + Array("\nEET-2EEST,M3.5.0/3,M10.5.0/4\n".utf8)
  }()

  static func zones() throws -> ZoneTable {
    var zones = ZoneTable()
    try zones.add("Europe/Helsinki", tzif: helsinki)
    return zones
  }

  static func features(_ lines: [String]) throws -> FeatureSet {
    let schema = try Schema.parse(yaml: schemaYAML)
    return try FeatureSet.parse(
      yaml: "version: 1\nfeatures:\n" + lines.map { "  - {\($0)}\n" }.joined(), schema: schema, zones: try zones())
  }

  struct Event {
    var time: String
    var amount: Int64 = 100
    var place: (latitude: Double, longitude: Double)?
    var zone: String?
  }

  static func rows(_ features: FeatureSet, _ events: [Event]) throws -> [[Double]] {
    var table = EntityTable(features: features)
    var row = [Double](repeating: 0, count: features.count)
    return try events.map { event in
      var builder = TransactionBuilder()
      builder.eventTime = try Timestamp.parse(Array(event.time.utf8).span.bytes)
      builder.amount = event.amount
      builder.currency = .euro
      builder.id = [1]
      builder.card = [2]
      if let place = event.place {
        builder.addExtra(0, .number(place.latitude))
        builder.addExtra(1, .number(place.longitude))
      }
      if let zone = event.zone { builder.addExtra(2, .text(zone)) }
      var record: [UInt8] = []
      builder.append(to: &record)
      let view = TransactionView(trusted: record.span.bytes)
      let key = view.keyHash
      _ = row.withUnsafeMutableBufferPointer { table.observe(view, keyHash: key, into: $0) }
      return row
    }
  }

  @Test func theClockIsThatOfTheZone() throws {
    let set = try Self.features([
      "name: utc, aggregate: hour", "name: hour, aggregate: hour, zone: Europe/Helsinki", "name: own, aggregate: hour, zone_of: zone",
      "name: day, aggregate: day_of_week, zone: Europe/Helsinki", "name: weekend, aggregate: weekend, zone: '-05:00'",
      "name: night, aggregate: night, zone: Europe/Helsinki", "name: noon, aggregate: night, from: 11, to: 13",
    ])
    // A Sunday evening in winter, and in summer; the zone's own midnight; a Saturday that is still Friday in the west.
    let rows = try Self.rows(
      set,
      [
        Event(time: "2026-01-04T21:30:00Z", zone: "Europe/Helsinki"), Event(time: "2026-07-05T20:59:59Z", zone: "+01:00"),
        Event(time: "2026-07-05T21:00:00Z", zone: "Mars/Base"), Event(time: "2026-01-10T04:59:00Z"), Event(time: "2026-01-10T12:59:00Z"),
      ])
    #expect(rows[0] == [21, 23, 23, 6, 1, 1, 0])
    #expect(rows[1] == [20, 23, 21, 6, 1, 1, 0])
    #expect(rows[2][0..<2] == [21, 0] && rows[2][2].isNaN && rows[2][3...] == [0, 1, 1, 0])
    #expect(rows[3][0..<2] == [4, 6] && rows[3][2].isNaN && rows[3][3...] == [5, 0, 0, 0])
    #expect(rows[4][3...] == [5, 1, 0, 1])
  }

  @Test func distanceAndSpeedAreFromTheLastPlace() throws {
    let set = try Self.features(["name: km, aggregate: distance", "name: kmh, aggregate: speed, window: 3h"])
    let (paris, new_york) = ((48.8566, 2.3522), (40.7128, -74.006))
    let rows = try Self.rows(
      set,
      [
        Event(time: "2026-01-05T10:00:00Z", place: paris), Event(time: "2026-01-05T11:00:00Z"),
        Event(time: "2026-01-05T12:00:00Z", place: new_york), Event(time: "2026-01-05T12:00:00Z", place: paris),
        // Out of order: between the first and the one without a place. And behind the reach of one of them.
        Event(time: "2026-01-05T10:30:00Z", place: paris), Event(time: "2026-01-05T15:00:00Z", place: paris),
      ])
    #expect(rows[0].allSatisfy(\.isNaN) && rows[1].allSatisfy(\.isNaN))
    #expect((rows[2][0] - 5837.24).magnitude < 0.05 && rows[2][1] == rows[2][0] / 2, "\(rows[2])")
    #expect(rows[3][0] == rows[2][0] && rows[3][1] == rows[3][0] * 3600, "a second at least has passed")
    #expect(rows[4] == [0, 0] && rows[5][0] == 0 && rows[5][1].isNaN)
  }

  /// Against the formula with the C library's functions, which a feature may not use.
  @Test func distancesAreThoseOfTheSphere() {
    var random = SplitMix64(seed: 5)
    func angle(_ limit: Double) -> Double { Double(Int(random.next() % 2_000_001) - 1_000_000) / 1_000_000 * limit }
    var worst = 0.0
    for step in 0..<20_000 {
      let a = (angle(90), angle(180))
      let b =
        step % 3 == 0 ? (a.0 + angle(0.001), a.1 + angle(0.001)) : step % 3 == 1 ? (-a.0 + angle(0.01), a.1 + 180) : (angle(90), angle(180))
      let (p, q) = (Location.packed(latitude: a.0, longitude: a.1), Location.packed(latitude: b.0, longitude: b.1))
      guard p != 0, q != 0 else { continue }
      func radians(_ x: Double) -> Double { (x * 1e7).rounded() * .pi / 1_800_000_000 }
      let (la, lb) = (radians(a.0), radians(b.0))
      let (dn, de) = (sin((lb - la) / 2), sin((radians(b.1) - radians(a.1)) / 2))
      let expected = 2 * 6371.0088 * asin(min(1, (dn * dn + cos(la) * cos(lb) * de * de).squareRoot()))
      worst = max(worst, (Location.kilometres(p, q) - expected).magnitude)
    }
    // A millimetre; at the far end of the earth the sine itself tells no more than decimetres.
    #expect(worst < 2e-4, "\(worst)")
    let half = Location.kilometres(Location.packed(latitude: 0, longitude: 0), Location.packed(latitude: 0, longitude: 180))
    #expect((half - .pi * 6371.0088).magnitude < 1e-9)
    #expect(Location.packed(latitude: 90.1, longitude: 0) == 0 && Location.packed(latitude: .nan, longitude: 0) == 0)
  }

  @Test func aRatioMayNameWhatComesLater() throws {
    let set = try Self.features([
      "name: c, aggregate: ratio, of: b, by: a", "name: b, aggregate: ratio, of: amount, by: a", "name: a, aggregate: count, window: 1h",
    ])
    #expect(
      try Self.rows(set, [Event(time: "2026-01-05T10:00:00Z"), Event(time: "2026-01-05T10:00:00Z")]) == [[100, 100, 1], [25, 50, 2]])
  }

  @Test func mistakesAreNamed() {
    func message(_ lines: [String], _ head: String = "") -> String? {
      let yaml = "version: 1\n\(head)features:\n" + lines.map { "  - {\($0)}\n" }.joined()
      do throws(DefinitionError) {
        _ = try FeatureSet.parse(yaml: yaml, schema: .standard)
        return nil
      } catch {
        return error.message
      }
    }
    #expect(
      message([
        "name: a, aggregate: ratio, of: amount, by: b", "name: b, aggregate: ratio, of: c, by: d",
        "name: c, aggregate: ratio, of: amount, by: a", "name: d, aggregate: hour",
      ])
        == "features[0]: the feature is computed from itself: 'a', by 'b', by 'c', by 'a'")
    #expect(
      message(["name: a, aggregate: sum, window: 30d, lag: 61d"], "retention: 90d\n")
        == "features[0].window: the window reaches back 91d, and events are kept for 90d")
    #expect(message(["name: a, aggregate: sum, window: 30d, lag: 60d"], "retention: 90d\n") == nil)
    #expect(message(["name: a, aggregate: hour, zone: Europe/Pariss"]) == "features[0].zone: the bundle has no zone 'Europe/Pariss'")
    #expect(message(["name: a, aggregate: hour, zone_of: zone"]) == "features[0].zone_of: the schema has no text field 'zone'")
    #expect(message(["name: a, aggregate: speed"]) == "features[0].aggregate: the schema has no coordinates to measure from")
    #expect(message(["name: a, aggregate: night, from: 6, to: 6"]) == "features[0].to: a night from 6 to 6 has no hours")
    #expect(message(["name: a, aggregate: distinct, of: location, window: 1h"]) == "features[0].of: 'location' is not a known field")
  }
}
