import Testing
import Wire

@testable import Models

/// A whole run of the generator: its records end to end, and what they are.
struct GeneratedRun {
  var records: [UInt8] = []
  var ranges: [Range<Int>] = []
  var labels: [FraudPattern?] = []

  init(_ options: GeneratorOptions) {
    var generator = TransactionGenerator(options)
    var builder = TransactionBuilder()
    var label: FraudPattern?
    while generator.next(into: &builder, label: &label) {
      let start = records.count
      builder.append(to: &records)
      ranges.append(start..<records.count)
      labels.append(label)
    }
  }

  func visit(_ body: (TransactionView, FraudPattern?) -> Void) {
    for (range, label) in zip(ranges, labels) {
      body(TransactionView(trusted: records.span.bytes.extracting(range)), label)
    }
  }
}

extension RawSpan {
  var testText: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}

@Suite("The synthetic world") struct GeneratorTests {
  static let options = GeneratorOptions(seed: 7, transactions: 30_000, fraudRate: 0.02)
  static let run = GeneratedRun(options)

  @Test func theSameSeedGivesTheSameBytesAndAnotherSeedOthers() {
    var options = Self.options
    options.transactions = 5_000
    let once = GeneratedRun(options)
    let twice = GeneratedRun(options)
    options.seed = 8
    let other = GeneratedRun(options)
    #expect(once.records == twice.records)
    #expect(once.labels == twice.labels)
    #expect(once.records != other.records)
  }

  @Test func numberAndFraudRateAreExactAndEveryPatternIsThere() {
    #expect(Self.run.labels.count == 30_000)
    #expect(Self.run.labels.count { $0 != nil } == 600)
    for pattern in FraudPattern.allCases {
      let count = Self.run.labels.count { $0 == pattern }
      #expect((count - Int(600 * pattern.share)).magnitude <= 1, "\(pattern)")
    }
  }

  @Test(arguments: [(1, 0.0), (1, 0.2), (100, 0.2), (1_000, 0.001), (20_000, 0.0)])
  func anyNumberAndRateAreMet(transactions: Int, rate: Double) {
    let run = GeneratedRun(GeneratorOptions(transactions: transactions, fraudRate: rate, days: 1))
    #expect(run.labels.count == transactions)
    let wanted = min(transactions / 2, Int((Double(transactions) * rate).rounded()))
    #expect(run.labels.count { $0 != nil } == wanted)
  }

  @Test func timesRiseWithinTheSpan() {
    var last: Int64 = .min
    let span = Self.options.start..<Self.options.start + 30 * 86_400_000
    Self.run.visit { view, _ in
      #expect(view.eventTime >= last)
      #expect(span.contains(view.eventTime))
      last = view.eventTime
    }
  }

  @Test func jitterPutsSomeOutOfOrderButNoneFar() {
    var options = Self.options
    options.transactions = 3_000
    options.jitterMilliseconds = 3_600_000
    var disorder = 0
    var latest: Int64 = 0
    GeneratedRun(options).visit { view, _ in
      if view.eventTime < latest { disorder += 1 }
      #expect(view.eventTime > latest - 2 * 3_600_000)
      latest = max(latest, view.eventTime)
    }
    #expect(disorder > 100)
  }

  @Test func recordsAreValidAndIdsUnique() {
    var ids: Set<String> = []
    Self.run.visit { view, _ in
      #expect(view.length == view.bytes.byteCount)
      #expect(view.amount > 0)
      #expect(view.currency == .euro)
      #expect(view.country != .none)
      #expect(view.card.byteCount > 0 && view.customer.byteCount > 0 && view.merchant.byteCount > 0)
      #expect(view.mcc != nil)
      let isCardNumber = CardNumberCheck.looksLikeCardNumber(view.card)
      #expect(!isCardNumber)
      ids.insert(view.id.testText)
    }
    #expect(ids.count == 30_000)
  }

  @Test func cardsAreHeavyTailedAndDaysHaveARhythm() {
    var byCard: [String: Int] = [:]
    var byHour = [Int](repeating: 0, count: 24)
    Self.run.visit { view, label in
      byCard[view.card.testText, default: 0] += 1
      byHour[Int(view.eventTime / 3_600_000 % 24)] += 1
    }
    let counts = byCard.values.sorted(by: >)
    let busiest = counts.prefix(counts.count / 10).reduce(0, +)
    #expect(busiest > 30_000 / 4, "a tenth of the cards pays more than a quarter")
    #expect(byHour[12] > 5 * byHour[2])
  }

  @Test func genuineAmountsFollowEachCustomersHabit() {
    // The spread of log amounts within customers is smaller than over all: habits differ.
    var all: [Double] = []
    var byCustomer: [String: [Double]] = [:]
    Self.run.visit { view, label in
      guard label == nil, view.mcc == 5411 else { return }
      let logarithm = Double(view.amount).squareRoot()
      all.append(logarithm)
      byCustomer[view.customer.testText, default: []].append(logarithm)
    }
    func variance(_ values: [Double]) -> Double {
      let mean = values.reduce(0, +) / Double(values.count)
      return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    }
    let regulars = byCustomer.values.filter { $0.count >= 20 }
    let within = regulars.map(variance).reduce(0, +) / Double(regulars.count)
    #expect(within < 0.9 * variance(all))
  }

  @Test func everyPatternLooksLikeItsName() {
    var testing: [Int64] = []
    var takeoverDevices: [String: Set<String>] = [:]
    var terminals: [String: Int] = [:]
    var devices: [String: Set<String>] = [:]
    var lastPlace: [String: (Int64, Country)] = [:]
    var travels = 0
    Self.run.visit { view, label in
      let card = view.card.testText
      switch label {
      case .cardTesting: testing.append(view.amount)
      case .compromisedTerminal: terminals[view.terminal.testText, default: 0] += 1
      case .deviceManyCards: devices[view.device.testText, default: []].insert(card)
      case .accountTakeover: takeoverDevices[view.device.testText, default: []].insert(card)
      case .impossibleTravel:
        if let (time, country) = lastPlace[card], view.eventTime - time <= 5_400_000, country != view.country {
          travels += 1
        }
      default: break
      }
      if view.channel == .pos { lastPlace[card] = (view.eventTime, view.country) }
    }
    #expect(testing.allSatisfy { (50...250).contains($0) })
    #expect(terminals.values.max()! >= 20)
    #expect(devices.values.allSatisfy { $0.count >= 2 } || devices.values.max { $0.count < $1.count }!.count >= 10)
    #expect(takeoverDevices.values.allSatisfy { $0.count == 1 })
    #expect(travels == Self.run.labels.count { $0 == .impossibleTravel })
  }

  @Test func textsReadBackAsTheSameRecords() {
    var json: [UInt8] = []
    var csv = Array(TransactionText().csvHeader.utf8)
    let writer = TransactionText()
    Self.run.visit { view, _ in
      guard json.count < 300_000 else { return }
      writer.appendJSON(view, to: &json)
      writer.appendCSV(view, to: &csv)
    }
    for (format, text) in [(TransactionTextReader.Format.ndjson, json), (.csv, csv)] {
      var reader = TransactionTextReader(format, refuseUnknownFields: true)
      var records: [UInt8] = []
      #expect(throws: Never.self) {
        try reader.feed(
          text.span.bytes, onRecord: { builder, _ in builder.append(to: &records) },
          onBadLine: { Issue.record("line \($0.number): \($0.rejection)") })
      }
      #expect(records.count > 100_000)
      #expect(records == Array(Self.run.records.prefix(records.count)))
    }
  }

  @Test func labelsAreCSV() {
    var out: [UInt8] = []
    LabelText.append(transactionID: Array("x_1".utf8).span.bytes, pattern: nil, to: &out)
    LabelText.append(transactionID: Array("x_2".utf8).span.bytes, pattern: .cardTesting, to: &out)
    #expect(String(decoding: out, as: UTF8.self) == "x_1,0,\nx_2,1,card_testing\n")
  }

  @Test func optionsThatCanNotBeMetAreNamed() {
    #expect(GeneratorOptions(transactions: 0).problem?.contains("transactions") == true)
    #expect(GeneratorOptions(fraudRate: 0.5).problem?.contains("fraud rate") == true)
    #expect(GeneratorOptions(start: -1).problem?.contains("start") == true)
    #expect(GeneratorOptions(days: 0).problem?.contains("days") == true)
    #expect(GeneratorOptions().problem == nil)
  }
}
