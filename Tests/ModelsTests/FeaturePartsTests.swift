import Testing
import Wire

@testable import Models

/// Features of several entities: who computes what, and tables of entities other than cards.
@Suite("Windows: features of several entities")
struct FeaturePartsTests {
  static func set(_ features: [Feature], entity: EntityKind = .card) -> FeatureSet {
    FeatureSet(features: features, entity: entity, allowedLateness: 3_600_000, eventsPerEntityMax: 4096, extraFieldCount: 0)
  }

  static let hour = Window(length: 3_600_000)
  static let mixed = set([
    Feature(name: "card_count", aggregate: .statistic(.count, hour, nil)),
    Feature(name: "device_cards", entity: .device, aggregate: .distinct(.card, hour, nil)),
    Feature(name: "terminal_count", entity: .terminal, aggregate: .statistic(.count, hour, nil)),
    Feature(name: "hour", aggregate: .own(.hour)),
    Feature(name: "terminal_mean", entity: .terminal, aggregate: .statistic(.mean, hour, nil)),
    Feature(name: "amount_at_terminal", aggregate: .ratio(.amount, by: 4)),
    Feature(name: "mean_by_count", aggregate: .ratio(.feature(4), by: 2)),
    Feature(name: "share", aggregate: .ratio(.feature(0), by: 2)),
    Feature(name: "share_of_share", aggregate: .ratio(.feature(7), by: 0)),
  ])

  @Test func eachFeatureIsComputedWhereItsHistoryIs() {
    let parts = FeatureParts(Self.mixed)
    #expect(parts.home.columns == [0, 3] && parts.foreign.map(\.features.entity) == [.terminal, .device])
    #expect(parts.part(.terminal)?.columns == [2, 4, 5, 6] && parts.part(.device)?.columns == [1] && parts.part(.ip) == nil)
    #expect(parts.part(.terminal)?.features.features.map(\.aggregate).suffix(2) == [.ratio(.amount, by: 1), .ratio(.feature(1), by: 0)])
    #expect(parts.ratios.map(\.output) == [7, 8] && !parts.isWhole)
    #expect(parts.slots == [EntitySlots(EntitySlot(.terminal)), EntitySlots(EntitySlot(.device))])
    #expect(FeatureParts(.standard).isWhole && FeatureParts(.standard).home.features == .standard)
  }

  @Test func aRowPutTogetherFromItsPartsHasEveryValueByItsDefinition() {
    let parts = FeatureParts(Self.mixed)
    var tables = [TableDriver.Boxed(parts.home.features)] + parts.foreign.map { TableDriver.Boxed($0.features) }
    defer { tables.removeAll() }
    let columns = [parts.home.columns] + parts.foreign.map(\.columns)
    var histories = FeatureHistories(features: Self.mixed)
    var builder = TransactionBuilder()
    var record: [UInt8] = []
    var random = SplitMix64(seed: 7)
    var past: [Payment] = []
    for number in 0..<500 {
      let payment = Payment(
        card: random.below(9), time: WindowsStateTests.start + Int64(number) * 30_000, amount: Int64(1 + random.below(1000)),
        terminal: 1 + random.below(5), device: 1 + random.below(4))
      past.append(payment)
      past.removeAll { $0.time <= payment.time - Self.hour.length }
      var row = [Double](repeating: .nan, count: Self.mixed.count)
      for (table, columns) in zip(tables, columns) {
        for (value, column) in zip(table.observe(payment), columns) { row[column] = value }
      }
      row.withUnsafeMutableBufferPointer { parts.finish($0, amount: payment.amount) }
      let cards = Double(past.count { $0.card == payment.card })
      let atTerminal = past.filter { $0.terminal == payment.terminal }.map(\.amount)
      let terminals = Double(atTerminal.count)
      let mean = Double(atTerminal.reduce(0, +)) / terminals
      let devices = Double(Set(past.filter { $0.device == payment.device }.map(\.card)).count)
      let expected = [
        cards, devices, terminals, Double(payment.time / 3_600_000 % 24), mean, Double(payment.amount) / mean, mean / terminals,
        cards / terminals, cards / terminals / cards,
      ]
      #expect(row == expected, "payment \(number)")
      payment.record(into: &record, builder: &builder)
      let view = TransactionView(trusted: record.span.bytes)
      let key = view.keyHash
      var whole = [Double](repeating: -1, count: Self.mixed.count)
      _ = whole.withUnsafeMutableBufferPointer { histories.observe(view, keyHash: key, into: $0) }
      #expect(whole == expected, "payment \(number)")
    }
    let count = histories.count
    #expect(count == 9 + 5 + 4)
  }

  @Test func setsSideBySideComputeWhatEachAsksFor() throws {
    let day = Window(length: 86_400_000)
    func count(_ name: String, _ window: Window) -> Feature {
      Feature(name: name, entity: .device, aggregate: .statistic(.count, window, nil))
    }
    func ratio(_ a: Int, _ b: Int) -> Feature { Feature(name: "r", entity: .device, aggregate: .ratio(.feature(a), by: b)) }
    let first = Self.set([count("a", Self.hour), count("b", day), ratio(0, 1)], entity: .device)
    let second = Self.set([ratio(1, 2), count("x", day), count("y", Self.hour), ratio(2, 1)], entity: .device)
    let joined = first.joined(with: [second, first])
    #expect(joined.count == 4 && joined.columns(of: first) == [0, 1, 2] && joined.columns(of: second) == [3, 1, 0, 2])
    #expect(joined.features[3].aggregate == .ratio(.feature(1), by: 0) && first.joined(with: [first]) == first)
    #expect(first.columns(of: second) == nil)
    // A table keeps one place an event.
    let places = FeatureSet(
      features: [Feature(name: "d", entity: .device, aggregate: .distance(length: 60_000, from: .location))], entity: .device,
      allowedLateness: 0,
      eventsPerEntityMax: 8000, extraFieldCount: 2, coordinates: Schema.Coordinates(latitude: 0, longitude: 1))
    let apart = first.joined(with: [places])
    #expect(apart == first && apart.columns(of: places) == nil && places.joined(with: [first]).columns(of: first) == [1, 2, 3])
    #expect(places.joined(with: [first]).eventsPerEntityMax == 8000)
  }

  @Test func aTransactionWithoutAnEntityHasItsFeaturesMissing() {
    var histories = FeatureHistories(features: Self.mixed)
    var builder = TransactionBuilder()
    var record: [UInt8] = []
    var row = [Double](repeating: -1, count: Self.mixed.count)
    for device in [0, 3] {
      Payment(card: 1, time: WindowsStateTests.start, amount: 5, device: device).record(into: &record, builder: &builder)
      let view = TransactionView(trusted: record.span.bytes)
      let key = view.keyHash
      _ = row.withUnsafeMutableBufferPointer { histories.observe(view, keyHash: key, into: $0) }
      #expect(row[2].isNaN && row[4].isNaN && row[5].isNaN && row[6].isNaN && row[7].isNaN && row[8].isNaN)
      #expect(device == 0 ? row[1].isNaN : row[1] == 1)
    }
    #expect(row[0] == 2)
  }

  @Test(arguments: [EntityKind.terminal, .merchant, .device]) func aTableOfAnotherEntityAnswersAsThatOfCards(kind: EntityKind) throws {
    let cards = try WindowsRebuildTests.features(WindowsRebuildTests.wide)
    let features = Self.set(cards.features.map { Feature(name: $0.name, entity: kind, aggregate: $0.aggregate) }, entity: kind)
    let known = TableDriver.Boxed(Self.set(cards.features))
    let other = TableDriver.Boxed(features)
    var random = SplitMix64(seed: 11)
    for number in 0..<3000 {
      let delay = random.below(6) == 0 ? Int64(random.below(4_000_000)) : 0
      var payment = Payment(
        card: random.below(40), time: WindowsStateTests.start + Int64(number) * 8000 - delay, amount: Int64(random.below(1000)),
        country: random.below(8), channel: random.below(7), merchant: 3, terminal: 3, device: 3)
      switch kind {
      case .terminal: payment.terminal = 1 + payment.card
      case .merchant: payment.merchant = 1 + payment.card
      default: payment.device = 1 + payment.card
      }
      let (a, b) = (known.observe(payment), other.observe(payment))
      for column in features.features.indices {
        // What counts the entities themselves differs.
        if case .distinct(let field, _, _) = features.features[column].aggregate, field.name == "\(kind)" { continue }
        if case .isNew(let field, _) = features.features[column].aggregate, field.name == "\(kind)" { continue }
        #expect(a[column].bitPattern == b[column].bitPattern, "payment \(number), \(features.features[column].name)")
      }
    }
    // By its own key hashes, split and together again it is what it was; and so it comes back from a snapshot.
    let digest = other.driver.table.digest()
    var merged = other.driver.table.part(KeyRange.tiles(2)[0])
    let upper = other.driver.table.part(KeyRange.tiles(2)[1])
    let (lowerCount, upperCount, count) = (merged.count, upper.count, other.driver.table.count)
    #expect(lowerCount > 0 && upperCount > 0 && lowerCount + upperCount == count)
    merged.absorb(upper)
    let mergedDigest = merged.digest()
    #expect(mergedDigest == digest)
    let facts = other.driver.table.beginWalk()
    var writer = EntityRecordWriter(facts)
    var records: [UInt8] = []
    while let images = other.driver.table.walkOn(bytes: 10_000) { writer.write(images, to: &records) { _ in } }
    var restored = try EntityTable(restoring: facts, features: [features])
    try records.withUnsafeBytes { try restored.restore($0) }
    let (restoredDigest, writtenDigest) = (restored.digest(), writer.stateDigest())
    #expect(restoredDigest == digest && writtenDigest == digest)
    // A card's snapshot is not taken for it.
    var wrong = EntityTable(features: Self.set(cards.features))
    var isTaken = true
    do { try records.withUnsafeBytes { try wrong.restore($0) } } catch { isTaken = false }
    #expect(!isTaken)
  }
}

extension TableDriver {
  /// Several side by side.
  final class Boxed {
    var driver: TableDriver
    init(_ features: FeatureSet) { driver = TableDriver(features) }

    func observe(_ payment: Payment) -> [Double] {
      let kind = driver.table.features.entity
      let token =
        switch kind {
        case .terminal: "terminal-\(payment.terminal)"
        case .merchant: "merchant-\(payment.merchant)"
        case .device: "device-\(payment.device)"
        default: "card-\(payment.card)"
        }
      return driver.observe(payment, keyHash: KeyHash(of: Array(token.utf8).span.bytes, kind: kind)).values
    }
  }
}
