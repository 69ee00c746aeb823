import Testing
import Wire

@testable import Models

@Suite("Schema: definitions are read strictly")
struct SchemaDefinitionTests {
  @Test func everyPartIsRead() throws {
    let schema = try Schema.parse(
      yaml: """
        version: 1
        fields:
          - {name: loyalty_tier, type: text}
          - {name: basket_items, type: integer, required: true}
        limits: {future_tolerance: 30s, oldest_event_age: 90d}
        currencies: [EUR, NOK]
        """)
    #expect(
      schema.fields == [
        Schema.Field(name: "loyalty_tier", kind: .text),
        Schema.Field(name: "basket_items", kind: .integer, isRequired: true),
      ])
    #expect(schema.futureTolerance == 30_000)
    #expect(schema.oldestEventAge == 7_776_000_000)
    #expect(schema.currencies == [Currency("EUR")!, Currency("NOK")!])
    #expect(schema.fieldIndex(named: "basket_items") == 1)
  }

  @Test func whatIsLeftOutHasItsDefault() throws {
    #expect(try Schema.parse(yaml: "version: 1") == .standard)
    #expect(Schema.standard.futureTolerance == 300_000 && Schema.standard.oldestEventAge == nil)
  }

  @Test func anUnknownKeyIsRefusedWithItsPlaceAndTheNearestKnownOne() {
    let error = Self.error("version: 1\nlimits:\n  future_tolerence: 5m\n")
    #expect(error?.line == 3 && error?.column == 3)
    #expect(error?.message == "limits: unknown key 'future_tolerence'")
    #expect(error?.suggestion == "Did you mean 'future_tolerance'?")
    #expect(
      error?.description
        == "schema.yaml:3:3: limits: unknown key 'future_tolerence'. Did you mean 'future_tolerance'?")
  }

  @Test(arguments: [
    ("", "the file is empty"),
    ("fields: []", "the key 'version' is missing"),
    ("version: 2", "version: this program reads version 1 of the format"),
    ("version: 1\nversion: 1", "not valid YAML: the key 'version' stands twice in one mapping"),
    ("version: [1", "not valid YAML: did not find expected ',' or ']'"),
    ("- version", "expected a mapping, found a list"),
    ("version: 1\nfields: [{name: Tier, type: text}]", "fields[0].name: 'Tier' is not a name"),
    ("version: 1\nfields: [{name: amount, type: text}]", "fields[0].name: 'amount' is a fixed field and always there"),
    ("version: 1\nfields: [{name: a, type: string}]", "fields[0].type: 'string' is not a known type"),
    ("version: 1\nfields: [{name: a, type: flag}, {name: a, type: flag}]", "fields[1].name: 'a' is declared twice"),
    (
      "version: 1\nfields: [{name: a, type: flag, required: yes}]",
      "fields[0].required: expected true or false, found 'yes'"
    ),
    ("version: 1\nlimits: {future_tolerance: 5}", "limits.future_tolerance: '5' is not a duration"),
    ("version: 1\nlimits: {future_tolerance: 2d}", "limits.future_tolerance: 2d is outside 0s to 24h"),
    ("version: 1\ncurrencies: [EUR, XXX]", "currencies[1]: 'XXX' is not an active ISO 4217 currency"),
    ("version: 1\ncurrencies: []", "currencies: allows no currency at all"),
  ])
  func mistakesAreNamed(_ yaml: String, _ message: String) {
    #expect(Self.error(yaml)?.message == message)
  }

  @Test func moreFieldsThanARecordCanCarryAreRefused() {
    let fields = (0...64).map { "  - {name: f\($0), type: flag}\n" }.joined()
    #expect(Self.error("version: 1\nfields:\n\(fields)")?.message == "fields: has 65 elements; at most 64 are allowed")
  }

  @Test(arguments: [("30s", 30_000), ("5m", 300_000), ("24h", 86_400_000), ("90d", 7_776_000_000)])
  func durationsAreReadAndWritten(_ text: String, _ milliseconds: Int64) {
    #expect(DurationText.milliseconds(text) == milliseconds)
    #expect(DurationText.text(milliseconds: milliseconds) == text)
  }

  @Test func deadlinesMayBeInMilliseconds() {
    #expect(DurationText.milliseconds("250ms", isFine: true) == 250 && DurationText.milliseconds("2s", isFine: true) == 2_000)
    #expect(DurationText.milliseconds("250ms") == nil && DurationText.milliseconds("ms", isFine: true) == nil)
  }

  @Test(arguments: ["", "5", "m", "-5m", "5 m", "5w", "1.5h", "99999999999999d", "9999999999d"])
  func otherTextIsNoDuration(_ text: String) {
    #expect(DurationText.milliseconds(text) == nil)
    #expect(DurationText.milliseconds(text, isFine: true) == nil)
  }

  static func error(_ yaml: String) -> DefinitionError? {
    do {
      _ = try Schema.parse(yaml: yaml)
      return nil
    } catch {
      return error
    }
  }
}
