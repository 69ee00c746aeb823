import Testing
import Wire

@testable import Models

@Suite("Features: definitions are read strictly")
struct FeaturesDefinitionTests {
  static func parse(_ features: String, schema: Schema = .standard) throws(DefinitionError) -> FeatureSet {
    try FeatureSet.parse(yaml: "version: 1\nfeatures:\n\(features)\n", schema: schema)
  }

  static func error(_ features: String, schema: Schema = .standard) -> DefinitionError? {
    do {
      _ = try parse(features, schema: schema)
      return nil
    } catch {
      return error
    }
  }

  @Test func theStandardSetIsComplete() {
    let set = FeatureSet.standard
    #expect(set.count == 29)
    #expect(set.names.first == "amount" && set.index(of: "new_device_7d") == 28)
    #expect(set.allowedLateness == 3_600_000 && set.eventsPerEntityMax == 4096)
  }

  @Test func eachAggregateIsReadWithItsOperands() throws {
    let set = try Self.parse(
      """
        - {name: a, aggregate: mean, window: 7d, lag: 1d, where: {country: NO, mcc: [5411, 0], amount_above: 5}}
        - {name: b, aggregate: distinct, of: ip, window: 90d}
        - {name: c, aggregate: ratio, of: a, by: b}
        - {name: d, entity: card, aggregate: ratio, of: amount, by: c}
      """)
    guard case .statistic(.mean, let window, let filter?) = set.features[0].aggregate else {
      Issue.record("not a mean with a filter")
      return
    }
    #expect(window == Window(length: 7 * 86_400_000, lag: 86_400_000))
    #expect(filter.amountAbove == 5 && filter.amountBelow == .max)
    #expect(
      filter.conditions == [
        EventFilter.Condition(field: .country, values: [Country("NO")!.code]),
        EventFilter.Condition(field: .mcc, values: [1, 5412]),
      ])
    #expect(set.features[1].aggregate == .distinct(.ip, Window(length: 90 * 86_400_000), nil))
    #expect(set.features[2].aggregate == .ratio(.feature(0), by: 1))
    #expect(set.features[3].aggregate == .ratio(.amount, by: 2))
  }

  @Test(arguments: [
    ("- {name: a, aggregate: count}", "features[0]: the key 'window' is missing"),
    ("- {name: a, aggregate: cuont, window: 1h}", "features[0].aggregate: 'cuont' is not a known aggregate"),
    ("- {name: a, aggregate: count, window: 91d}", "features[0].window: 91d is outside 1s to 90d"),
    ("- {name: a, aggregate: count, window: 0s}", "features[0].window: 0s is outside 1s to 90d"),
    ("- {name: a, aggregate: count, windw: 1h}", "features[0]: unknown key 'windw'"),
    (
      "- {name: a, aggregate: field, of: hour, window: 1h}",
      "features[0].window: the aggregate 'field' takes no 'window'"
    ),
    (
      "- {name: a, aggregate: is_new, of: device, window: 1h, lag: 1h}",
      "features[0].lag: the aggregate 'is_new' takes no 'lag'"
    ),
    ("- {name: a, aggregate: distinct, of: color, window: 1h}", "features[0].of: 'color' is not a known field"),
    (
      "- {name: a, aggregate: last, of: merchant}",
      "features[0].of: 'merchant' is not a known field with a numeric value"
    ),
    ("- {name: a, aggregate: sum, of: mcc, window: 1h}", "features[0].of: 'sum' is of the amount"),
    ("- {name: a, aggregate: ratio, of: amount, by: a}", "features[0]: the feature is computed from itself: 'a', by 'a'"),
    ("- {name: a, aggregate: ratio, of: amount, by: b}", "features[0].by: there is no feature 'b'"),
    ("- {name: a, aggregate: seconds_since_last, where: {channel: atm}}", "features[0]: the key 'window' is missing"),
    ("- {name: a, aggregate: count, window: 1h, where: {}}", "features[0].where: states no condition"),
    (
      "- {name: a, aggregate: count, window: 1h, where: {mcc: 10000}}",
      "features[0].where.mcc: 10000 is outside 0 to 9999"
    ),
    (
      "- {name: a, aggregate: count, window: 1h, where: {channel: [pos, fax]}}",
      "features[0].where.channel[1]: 'fax' is not a known channel"
    ),
    (
      "- {name: a, aggregate: field, of: hour}\n- {name: a, aggregate: field, of: hour}",
      "features[1].name: the feature 'a' is declared twice"
    ),
    (
      "- {name: a, entity: merchant, aggregate: field, of: mcc}",
      "features[0].entity: 'field' is of the transaction itself, not of its merchant"
    ),
    (
      "- {name: a, entity: merchant, aggregate: distinct, of: merchant, window: 1h}",
      "features[0].of: 'merchant' is not a known field"
    ),
    ("- {name: a, aggregate: distinct, of: card, window: 1h}", "features[0].of: 'card' is not a known field"),
    ("- {name: a, entity: crad, aggregate: count, window: 1h}", "features[0].entity: 'crad' is not a known entity"),
  ])
  func mistakesAreNamed(_ feature: String, _ message: String) {
    #expect(Self.error(feature)?.message == message)
  }

  @Test func anyEntityMayHaveFeatures() throws {
    let set = try Self.parse(
      """
        - {name: a, entity: terminal, aggregate: count, window: 1h}
        - {name: b, entity: device, aggregate: distinct, of: card, window: 24h}
        - {name: c, entity: ip, aggregate: is_new, of: customer, window: 7d}
        - {name: d, aggregate: ratio, of: a, by: b}
      """)
    #expect(set.features.map(\.entity) == [.terminal, .device, .ip, .card])
    #expect(set.features[1].aggregate == .distinct(.card, Window(length: 86_400_000), nil))
  }

  @Test func anErrorNamesLineColumnAndTheNearestName() {
    let error = Self.error(
      "- {name: mean_7d, aggregate: mean, window: 7d}\n- {name: r, aggregate: ratio, of: amount, by: mean_7}")
    #expect(error?.line == 4 && error?.file == "features.yaml")
    #expect(error?.suggestion == "Did you mean 'mean_7d'?")
  }

  @Test func extraFieldsOfTheSchemaAreFeatures() throws {
    let schema = Schema(fields: [
      Schema.Field(name: "note", kind: .text), Schema.Field(name: "score", kind: .number),
      Schema.Field(name: "items", kind: .integer), Schema.Field(name: "member", kind: .flag),
    ])
    #expect(
      Self.error("- {name: a, aggregate: field, of: note}", schema: schema)?.message
        == "features[0].of: 'note' is a text; a feature is a number")
    let set = try Self.parse(
      """
      - {name: items, aggregate: field, of: items}
      - {name: member, aggregate: field, of: member}
      - {name: score, aggregate: field, of: score}
      - {name: again, aggregate: field, of: score}
      - {name: doubled, aggregate: ratio, of: items, by: score}
      """, schema: schema)
    var table = EntityTable(features: set)
    let out = UnsafeMutableBufferPointer<Double>.allocate(capacity: set.count)
    defer { out.deallocate() }
    func observe(_ values: [(UInt8, ExtraField.Value)], _ table: inout EntityTable) -> [Double] {
      var bytes: [UInt8] = []
      SchemaValidationTests.withExtras(values).append(to: &bytes)
      #expect(schema.validate(bytes.span.bytes, now: SchemaValidationTests.now) == nil)
      let view = TransactionView(trusted: bytes.span.bytes)
      _ = table.observe(view, keyHash: view.keyHash, into: out)
      return Array(out)
    }
    let full = observe([(0, .text("a note")), (1, .number(0.5)), (2, .integer(7)), (3, .flag(true))], &table)
    #expect(full == [7, 1, 0.5, 0.5, 14])
    let sparse = observe([(2, .integer(8))], &table)
    #expect(sparse[0] == 8 && sparse.dropFirst().allSatisfy(\.isNaN))
    let none = observe([], &table).count { !$0.isNaN }
    #expect(none == 0)
  }
}
