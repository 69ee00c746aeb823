import Testing
import Wire

@testable import Models

@Suite("Bundles: every mistake at once, with its place")
struct BundleCheckTests {
  static func findings(_ files: [String: String]) -> [String] {
    BundleCheck.findings(in: BundleRulesTests.archive(files)).map(\.description)
  }

  @Test func aSoundBundleHasNone() {
    #expect(Self.findings(["rules/a.yaml": BundleRulesTests.rules(["{id: a, when: tx.amount > 1, reason: A, action: review}"])]) == [])
  }

  @Test func mistakesOfAllFilesAreToldTogether() {
    let found = Self.findings([
      "bundle.yaml": """
      version: 1
      name: test
      schema: schema.yaml
      features: features.yaml
      lists:
        - {name: ips, file: lists/ips.csv, type: ip}
      thresholds: {review: high}
      reasons:
        - {code: A, feature: count_1hr, above: 2}
      resaons: []
      """,
      "schema.yaml": "version: 1\nfields:\n  - {name: amount, type: number}\n  - {name: tier, type: txt}\n",
      "features.yaml": """
      version: 1
      features:
        - {name: count_1h, aggregate: count, window: 1w}
        - {name: mean_1h, aggregate: mena, window: 1h}
        - {name: terminal_1h, entity: terminl, aggregate: count, window: 1h}
        - {name: last, aggregate: last, of: device}
      """,
      "lists/ips.csv": "value\n1.2.3\n",
      "lists/other.csv": "value\nx\n",
      "rules/a.yaml": """
      version: 1
      rules:
        - id: first
          when: tx.amuont > 1.0 && card.count_1hr > 2.0
          reason: FIRST
          action: approve
        - id: second
          when: |
            tx.amount > 1.0 &&
              tx.country = 'NG'
          reason: SECOND
          text: "{tx.amount} in {tx.contry}"
          action: review
        - {id: third, when: tx.ip in lists.isp, reason: third, score: 1}
        - {id: fourth, when: "tx.mcc + 1", reason: FOURTH, score: 1}
      """,
      "rules/b.cel": "// reason: B\n// action: decline\ntx.ip in lists.ips &&\n  card.mean_1h > 'x'\n",
      "rules/c.txt": "",
    ])
    #expect(
      found == [
        "bundle.yaml:7:22: thresholds.review: expected a number, found 'high'",
        "bundle.yaml:9:24: reasons[0].feature: there is no feature 'count_1hr'. Did you mean 'count_1h'?",
        "bundle.yaml:10:1: unknown key 'resaons'. Did you mean 'reasons'?",
        "features.yaml:3:48: features[0].window: '1w' is not a duration. Write a whole number and one of the units s, m, h, d, "
          + "such as 30s, 5m, 24h or 90d.",
        "features.yaml:4:32: features[1].aggregate: 'mena' is not a known aggregate. Did you mean 'mean'?",
        "features.yaml:5:33: features[2].entity: 'terminl' is not a known entity. Did you mean 'terminal'?",
        "features.yaml:6:39: features[3].of: 'device' is not a known field with a numeric value. Known here: country, mcc, "
          + "currency, channel, entry_mode, ip_country.",
        "lists/ips.csv:2:1: '1.2.3' is no address and no network. Write 203.0.113.7, 203.0.113.0/24, 2001:db8::1 or 2001:db8::/32.",
        "lists/other.csv: no list of bundle.yaml has this file. Declare it under 'lists', as in {name: blocked_ips, "
          + "file: lists/other.csv, type: ip}, or remove it.",
        "rules/a.yaml:6:13: rules[0].action: a rule can't approve what others flag. Give it a negative 'score', or let the other "
          + "rules ask for it.",
        "rules/a.yaml:10:20: rule 'second': '=' is no operator: to compare, write '=='",
        "rules/a.yaml:12:28: rule 'second': there is no variable 'tx.contry'. Did you mean 'tx.country'?",
        "rules/a.yaml:14:51: rules[2].reason: 'third' is no reason code. Use capital letters, digits and '_', a letter first.",
        "rules/a.yaml:15:25: rule 'fourth': a rule says true or false, not int",
        "rules/b.cel:4:16: rule 'b': no such overload: '>' of double, string",
        "rules/c.txt: this is no file of rules. Name it '.yaml' or '.cel'.",
        "schema.yaml:3:12: fields[0].name: 'amount' is a fixed field and always there",
        "schema.yaml:4:24: fields[1].type: 'txt' is not a known type. Did you mean 'text'?",
      ])
  }

  @Test func namesInRulesAreHeldAgainstWhatThereIs() {
    let rule = BundleRulesTests.rules([
      "{id: a, when: tx.amuont > 1.0 && card.count_1hr > 2.0, reason: A, action: review}",
      "{id: a, when: tx.tier == 1, reason: A, action: review}",
    ])
    #expect(
      Self.findings(["rules/a.yaml": rule]) == [
        "rules/a.yaml:3:19: rule 'a': there is no variable 'tx.amuont'. Did you mean 'tx.amount'?",
        "rules/a.yaml:3:38: rule 'a': there is no variable 'card.count_1hr'. Did you mean 'card.count_1h'?",
        "rules/a.yaml:4:10: rule 'a': two rules have this id",
        "rules/a.yaml:4:27: rule 'a': no such overload: '==' of string, int",
      ])
  }
}
