import Testing
import Wire

@testable import Models

/// Features of labels: counts and shares of what was known to be fraud when each transaction came.
@Suite("Windows: labels")
struct WindowsLabelTests {
  static let lines = [
    "name: n, aggregate: count, window: 1h", "name: frauds, aggregate: fraud_count, window: 1h",
    "name: frauds_before, aggregate: fraud_count, window: 90m, lag: 10m",
    "name: risk, aggregate: fraud_share, window: 1h", "name: risk_before, aggregate: fraud_share, window: 2h, lag: 30m",
    "name: risk_online, aggregate: fraud_share, window: 1h, lag: 5m, where: {channel: [ecommerce, moto], amount_above: 100}",
    "name: frauds_abroad, aggregate: fraud_count, window: 2h, where: {country: [DE, US]}",
    "name: mean_online, aggregate: mean, window: 1h, where: {channel: ecommerce}",
    "name: merchants, aggregate: distinct, of: merchant, window: 1h", "name: per_fraud, aggregate: ratio, of: n, by: frauds",
  ]

  private static func payment(_ number: Int, _ random: inout SplitMix64) -> Payment {
    let delay = random.below(6) == 0 ? Int64(random.below(1_800_000)) : 0
    return Payment(
      card: random.below(12), time: WindowsStateTests.start + Int64(number) * 8000 - delay,
      amount: random.below(60) == 0 ? 1 << 40 : Int64(random.below(1000)), country: random.below(8), channel: random.below(7),
      merchant: random.below(9), id: number + 1)
  }

  /// Labels come late, twice, out of order, of other payments than those at hand, and change; payments come out of order, and too
  /// late; the table goes through snapshots, laid out alike or not, and through splits on the way.
  @Test(arguments: [41, 42, 43] as [UInt64]) func everyValueIsWhatWasKnownThen(seed: UInt64) throws {
    print("windows: labels: seed \(seed)")
    let features = try WindowsRebuildTests.features(Self.lines)
    var random = SplitMix64(seed: seed)
    var driver = TableDriver(features)
    var oracle = WindowsOracle(features)
    var payments: [Payment] = []
    var known: [Int: Label] = [:]
    var applied = 0
    for number in 0..<5000 {
      let payment = Self.payment(number, &random)
      payments.append(payment)
      let (values, observation) = driver.observe(payment)
      let expected = oracle.observe(payment).values
      // What comes too late lacks what has been forgotten (W2), and says so.
      for (name, (a, b)) in zip(features.names, zip(values, expected)) where !observation.contains(.late) {
        let isEqual = a.bitPattern == b.bitPattern || a.isNaN && b.isNaN || abs(a - b) <= 1e-12 * abs(b)
        #expect(isEqual, "\(name) of payment \(number): \(a), not \(b)")
        guard isEqual else { return }
      }
      for _ in 0..<random.below(3) {
        let labelled = payments[max(0, payments.count - 1 - random.below(800))]
        let label = Label(random.below(3) == 0 ? .legitimate : .fraud, version: UInt16(1 + random.below(4)))
        let isNews = (known[labelled.id]?.version ?? 0) < label.version
        if driver.label(labelled, label) {
          #expect(isNews, "payment \(labelled.id) had \(known[labelled.id]!), and takes \(label)")
          applied += 1
        }
        guard isNews else { continue }
        known[labelled.id] = label
        oracle.label(card: labelled.card, id: labelled.id, Int(label.finding.rawValue))
      }
      switch number {
      case 2_000, 3_500:
        let digest = driver.table.digest()
        let written = EntityWalkTests.walk(&driver, bytes: 2000) { _ in }
        driver.table = try written.restored([0: features], relaidOut: number == 3_500)
        #expect(driver.table.digest() == digest)
      case 2_700:
        let digest = driver.table.digest()
        let part = driver.table.part(KeyRange.tiles(1)[0])
        driver.table = part
        #expect(driver.table.digest() == digest)
      default: break
      }
    }
    #expect(applied > 1000, "labels that found their payment")
  }

  /// C1: what a walk copies is the table as it was, whatever labels come meanwhile; R14: a label is part of the state.
  @Test func aWalkHasTheLabelsOfWhenItBegan() throws {
    let features = try WindowsRebuildTests.features(Self.lines)
    var random = SplitMix64(seed: 5)
    var driver = TableDriver(features)
    let payments = (0..<300).map { Self.payment($0, &random) }
    for payment in payments { _ = driver.observe(payment) }
    let before = driver.table.digest()
    var next = payments.count
    let written = EntityWalkTests.walk(&driver, bytes: 200) { driver in
      for _ in 0..<40 where next > 0 {
        next -= 1
        _ = driver.label(payments[next], Label(.fraud))
      }
    }
    #expect(written.digest == before && driver.table.digest() != before)
    let restored = try written.restored([0: features])
    #expect(restored.digest() == before)
  }

  @Test func aTransactionIsKnownByIdTimeAndContent() throws {
    var driver = TableDriver(try WindowsRebuildTests.features(Self.lines))
    let start = WindowsStateTests.start
    let payment = Payment(card: 1, time: start, amount: 70, country: 1, channel: 3, merchant: 2, id: 1)
    let twin = Payment(card: 1, time: start, amount: 90, merchant: 2, id: 2)
    _ = driver.observe(payment)
    _ = driver.observe(twin)
    #expect(driver.standing(payment) == .known(nil))
    func other(_ change: (inout Payment) -> Void) -> LabelStanding {
      var other = payment
      change(&other)
      return driver.standing(other)
    }
    #expect(other { $0.card = 2 } == .unknown && other { $0.id = 3 } == .unknown && other { $0.time += 1 } == .unknown)
    #expect(other { $0.amount = 71 } == .contradicted && other { $0.merchant = 3 } == .contradicted)
    // Nothing asks for the terminal: it is not kept, and can't be compared.
    #expect(other { $0.terminal = 3 } == .known(nil))
    #expect(driver.label(payment, Label(.fraud, version: 2)) && driver.standing(payment) == .known(Label(.fraud, version: 2)))
    #expect(!driver.label(payment, Label(.legitimate, version: 1)) && !driver.label(payment, Label(.legitimate, version: 2)))
    #expect(driver.label(payment, Label(.legitimate, version: 3)) && driver.standing(twin) == .known(nil))
    // An id that stands twice, as one that came again behind the dedup horizon: each is known by its content.
    let again = Payment(card: 1, time: start, amount: 95, country: 1, channel: 3, merchant: 2, id: 1)
    _ = driver.observe(again)
    #expect(driver.label(again, Label(.fraud)) && driver.standing(again) == .known(Label(.fraud)))
    #expect(driver.standing(payment) == .known(Label(.legitimate, version: 3)))
    // Behind what any window may ask for it is gone.
    _ = driver.observe(Payment(card: 1, time: start + 150 * 60_000 + 20 * 60_000, id: 3))
    _ = driver.observe(Payment(card: 1, time: start + 400 * 60_000, id: 4))
    #expect(driver.standing(payment) == .unknown && !driver.label(payment, Label(.fraud, version: 9)))
    var plain = TableDriver(try WindowsRebuildTests.features(WindowsRebuildTests.wide))
    _ = plain.observe(payment)
    #expect(plain.standing(payment) == .notKept && !plain.label(payment, Label(.fraud)))
  }

  /// The card's history is kept for as long as a label may come for any entity's features, and its own features don't change by it.
  @Test func labelsComeByTheCardForEveryEntity() throws {
    let features = try WindowsStateTests.features(
      """
        - {name: n, aggregate: count, window: 10m}
        - {name: merchant_frauds, entity: merchant, aggregate: fraud_count, window: 2h, lag: 1h}
        - {name: merchant_n, entity: merchant, aggregate: count, window: 2h, lag: 1h}
        - {name: device_n, entity: device, aggregate: count, window: 1h}
        - {name: terminal_risk, entity: terminal, aggregate: fraud_share, window: 1h}

      """, lateness: "1m")
    let parts = FeatureParts(features)
    #expect(parts.labelSlots == [EntitySlots(EntitySlot(.merchant)), EntitySlots(EntitySlot(.terminal))])
    #expect(parts.home.features.labelReach == 3 * 3_600_000 && parts.part(.device)?.features.labelReach == 0)
    var histories = FeatureHistories(features: features)
    func with<R>(_ payment: Payment, _ body: (TransactionView, KeyHash) -> R) -> R {
      var builder = TransactionBuilder()
      var record: [UInt8] = []
      payment.record(into: &record, builder: &builder)
      let view = TransactionView(trusted: record.span.bytes)
      return body(view, view.keyHash)
    }
    func observe(_ payment: Payment, _ histories: inout FeatureHistories) -> [Double] {
      var row = [Double](repeating: .nan, count: features.count)
      with(payment) { view, key in _ = row.withUnsafeMutableBufferPointer { histories.observe(view, keyHash: key, into: $0) } }
      return row
    }
    let start = WindowsStateTests.start
    let first = Payment(card: 1, time: start, amount: 5, merchant: 1, terminal: 1, device: 1, id: 1)
    _ = observe(first, &histories)
    _ = observe(Payment(card: 2, time: start + 60_000, amount: 5, merchant: 1, terminal: 1, id: 2), &histories)
    // Of the same card, behind the card's own window.
    let row = observe(Payment(card: 1, time: start + 3_000_000, amount: 5, merchant: 1, terminal: 1, device: 1, id: 3), &histories)
    #expect(row == [1, 0, 0, 2, 0])
    #expect(with(first) { histories.label(Label(.fraud), $0, keyHash: $1) } == .known(nil))
    #expect(with(first) { histories.label(Label(.fraud), $0, keyHash: $1) } == .known(Label(.fraud)))
    let late = observe(Payment(card: 3, time: start + 3_300_000, amount: 5, merchant: 1, terminal: 1, id: 4), &histories)
    #expect(late[1] == 0 && late[4] == 0.25)
    let later = observe(Payment(card: 3, time: start + 3_700_000, amount: 5, merchant: 1, terminal: 1, id: 5), &histories)
    #expect(later[1] == 1 && later[2] == 2 && later[4] == 0, "it has left the terminal's window, and come into the merchant's")
  }
}
