import Testing
import Wire

@testable import Models

@Suite("Bundles with rules and lists")
struct BundleRulesTests {
  static let features = """
    version: 1
    features:
      - {name: count_1h, aggregate: count, window: 1h}
      - {name: mean_24h, aggregate: mean, window: 24h}
      - {name: seconds_since_last, aggregate: seconds_since_last}
    """

  static func archive(_ files: [String: String]) -> BundleArchive {
    var all = ["bundle.yaml": "version: 1\nname: test\nschema: schema.yaml\nfeatures: features.yaml\n", "features.yaml": features]
    all["schema.yaml"] = """
      version: 1
      fields:
        - {name: tier, type: text}
        - {name: risk, type: number, required: true}
        - {name: items, type: integer}
        - {name: vip, type: flag}
      """
    all.merge(files) { $1 }
    return BundleArchive(files: all.mapValues { Array($0.utf8) })
  }

  static func bundle(_ files: [String: String]) throws -> Bundle {
    try Bundle(archive: archive(files), id: BundleID(high: 1, low: 2))
  }

  static func rules(_ lines: [String]) -> String { "version: 1\nrules:\n" + lines.map { "  - \($0)\n" }.joined() }

  /// Decides transactions one by one, as a partition would.
  final class Rig {
    let bundle: Bundle
    var decider = Decider()
    var table: EntityTable
    var rows: [Double]

    init(_ bundle: Bundle) {
      self.bundle = bundle
      table = EntityTable(features: bundle.features)
      rows = [Double](repeating: 0, count: bundle.features.count)
    }

    func decide(_ record: [UInt8]) -> Decision {
      let view = TransactionView(trusted: record.span.bytes)
      let key = view.keyHash
      _ = rows.withUnsafeMutableBufferPointer { table.observe(view, keyHash: key, into: $0) }
      var decisions: [Decision] = []
      record.withUnsafeBytes { bytes in
        rows.withUnsafeBufferPointer { rows in
          decider.decide(
            bundle, records: bytes, record: { _ in 0..<record.count }, matrix: rows, rowCount: 1, stride: rows.count,
            flags: [[]], into: &decisions)
        }
      }
      return decisions[0]
    }

    func texts(_ decision: Decision, _ record: [UInt8]) -> [String] {
      record.withUnsafeBytes { bytes in rows.withUnsafeBufferPointer { bundle.reasonTexts(of: decision, bytes, row: $0) } }
    }
  }

  static func transaction(_ change: (inout TransactionBuilder) -> Void = { _ in }) -> [UInt8] {
    var builder = TransactionBuilder()
    builder.id = Array("t-1".utf8)
    builder.card = Array("c-1".utf8)
    builder.eventTime = 1_767_571_200_000
    builder.amount = 12_345
    builder.currency = .euro
    builder.addExtra(1, .number(0.5))
    change(&builder)
    var record: [UInt8] = []
    builder.append(to: &record)
    return record
  }

  /// A rule that declines if the expression holds.
  static func holds(_ expression: String, lists: [String: String] = [:], _ record: [UInt8]) throws -> Bool? {
    let rule = rules(["{id: a, when: \"\(expression)\", reason: A, action: decline, on_failure: review}"])
    let rig = Rig(try bundle(["rules/a.yaml": rule].merging(lists) { $1 }))
    return switch rig.decide(record).action {
    case .decline: true
    case .approve: false
    case .review: nil
    }
  }

  @Test func everyFieldIsRead() throws {
    let full = Self.transaction {
      $0.customer = Array("u-1".utf8)
      $0.merchant = Array("m-1".utf8)
      $0.terminal = Array("p-1".utf8)
      $0.device = Array("d-1".utf8)
      $0.ip = [10, 0, 0, 1]
      $0.country = Country("NG")!
      $0.mcc = 7995
      $0.channel = .ecommerce
      $0.entryMode = .credentialOnFile
      $0.extras = []
      $0.extraCount = 0
      $0.addExtra(0, .text("gold"))
      $0.addExtra(1, .number(0.25))
      $0.addExtra(2, .integer(-3))
      $0.addExtra(3, .flag(true))
    }
    for expression in [
      "tx.transaction_id == 't-1'", "tx.card == 'c-1'", "tx.customer == 'u-1'", "tx.merchant == 'm-1'", "tx.terminal == 'p-1'",
      "tx.device == 'd-1'", "tx.ip == ip('10.0.0.1')", "cidr('10.0.0.0/8').containsIP(tx.ip)", "tx.amount == 123.45",
      "tx.amount_minor == 12345", "tx.currency == 'EUR'", "tx.country == 'NG'", "tx.mcc == 7995", "tx.channel == 'ecommerce'",
      "tx.entry_mode == 'credential_on_file'", "tx.event_time == timestamp('2026-01-05T00:00:00Z')", "tx.tier == 'gold'",
      "tx.risk == 0.25", "tx.items == -3", "tx.vip", "card.count_1h == 1.0", "card.mean_24h == 12345.0", "model.score == 0.0",
      "!has(card.seconds_since_last)", "tx.event_time.getDayOfWeek() == 1",
    ] {
      #expect(try Self.holds(expression, full) == true, "\(expression)")
    }
  }

  @Test func whatIsNotThereIsMissing() throws {
    let bare = Self.transaction()
    for name in ["customer", "merchant", "terminal", "device", "ip", "country", "mcc", "channel", "entry_mode", "tier", "items", "vip"] {
      #expect(try Self.holds("has(tx.\(name))", bare) == false, "\(name)")
    }
    #expect(try Self.holds("tx.vip", bare) == nil)
    #expect(try Self.holds("tx.risk == 0.5 && has(tx.risk)", bare) == true)
    let six = Self.transaction { $0.ip = [0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] }
    #expect(try Self.holds("tx.ip == ip('2001:db8::1')", six) == true)
  }

  @Test func listsAreAskedForTheTransactionsTime() throws {
    let yaml = """
      version: 1
      name: test
      features: features.yaml
      lists:
        - {name: networks, file: lists/n.csv, type: ip}
        - {name: bins, file: lists/b.csv, type: prefix}
        - {name: codes, file: lists/c.csv, type: number}
      """
    let files = [
      "bundle.yaml": yaml, "lists/n.csv": "value,expires\n10.0.0.0/8,2026-01-05T00:00:01Z\n", "lists/b.csv": "value\nc-\n",
      "lists/c.csv": "value\n7995\n",
    ]
    func record(_ time: Int64) -> [UInt8] {
      Self.transaction {
        $0.extras = []
        $0.extraCount = 0
        $0.ip = [10, 1, 2, 3]
        $0.mcc = 7995
        $0.eventTime = 1_767_571_200_000 + time
      }
    }
    let all = "tx.ip in lists.networks && tx.card in lists.bins && tx.mcc in lists.codes"
    #expect(try Self.holds(all, lists: files, record(999)) == true)
    #expect(try Self.holds(all, lists: files, record(1_000)) == false)
  }

  @Test func theGravestActionWinsAndItsReasonComesFirst() throws {
    let rules = Self.rules([
      "{id: small, when: tx.amount > 1.0, reason: SMALL, score: 0.25}",
      "{id: watched, when: tx.amount > 1.0, reason: WATCHED, action: review}",
      "{id: silent, when: tx.amount > 1.0, reason: SILENT, action: decline, mode: shadow}",
      "{id: off, when: tx.amount > 1.0, reason: OFF, action: decline, mode: off}",
      "{id: blocked, when: tx.amount > 100.0, reason: BLOCKED, text: 'pays {tx.amount} {tx.currency}, from {tx.country}', action: decline}",
      "{id: again, when: tx.amount > 100.0, reason: WATCHED, action: review}",
    ])
    let yaml = """
      version: 1
      name: test
      features: features.yaml
      thresholds: {review: 0.25}
      reasons:
        - {code: ONE, text: the first in an hour, feature: count_1h, below: 2}
      """
    let rig = Rig(try Self.bundle(["bundle.yaml": yaml, "rules/a.yaml": rules]))
    let record = Self.transaction()
    let decision = rig.decide(record)
    #expect(decision.action == .decline && decision.verdict == .potentialFraud && decision.score == 0.25)
    #expect(rig.bundle.reasons(of: decision) == ["BLOCKED", "WATCHED", "SMALL", "ONE"])
    #expect(rig.texts(decision, record) == ["pays 123.45 EUR, from ?", "", "", "the first in an hour"])
    var line = Array("{\"a\":1}\n".utf8)
    record.withUnsafeBytes { bytes in
      rig.rows.withUnsafeBufferPointer { rig.bundle.appendReasonTexts(of: decision, bytes, row: $0, toLine: &line) }
    }
    #expect(
      String(decoding: line, as: UTF8.self)
        == "{\"a\":1,\"reason_texts\":[\"pays 123.45 EUR, from ?\",\"\",\"\",\"the first in an hour\"]}\n")
    // A score of rules alone reaches the threshold.
    let mild = rig.decide(Self.transaction { $0.amount = 200 })
    #expect(mild.action == .review && rig.bundle.reasons(of: mild).first == "WATCHED")
    #expect(rig.decide(Self.transaction { $0.amount = 100 }).action == .approve)
    var tallies: [String: RuleTally] = [:]
    rig.decider.takeTallies { tallies[$1.id] = $2 }
    #expect(tallies["silent"] == RuleTally(held: 2, failed: 0) && tallies["off"] == nil && tallies["blocked"]?.held == 1)
    rig.decider.takeTallies { _, rule, _ in Issue.record("\(rule.id) is counted twice") }
  }

  @Test func aFileOfItsOwnHasItsNameAsId() throws {
    let cel = """
      // reason: NIGHT
      // action: review
      // on_failure: closed
      // text: "{tx.amount} at night"
      tx.event_time.getHours() < 6   // UTC
        && tx.amount > 100.0
      """
    let rig = Rig(try Self.bundle(["rules/night/late.cel": cel]))
    let rule = try #require(rig.bundle.rules?.book.rules.first)
    #expect(rule.id == "late" && rule.failureMode == .closed && rule.effect == .action(.review))
    let record = Self.transaction()
    let decision = rig.decide(record)
    #expect(decision.action == .review && rig.texts(decision, record) == ["123.45 at night"])
  }

  @Test func aBundleWithoutRulesIsReadAsBefore() throws {
    let bundle = try Self.bundle([:])
    #expect(bundle.rules == nil && bundle.lists.isEmpty && bundle.reasonCodes == bundle.features.names.map { "unusual:\($0)" })
  }
}
