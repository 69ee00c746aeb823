import Wire

@testable import Models

/// A seeded generator (SplitMix64, Steele et al. 2014) so that each run can be repeated.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

/// One payment of a test, with fields by small numbers; 0 is a missing field.
struct Payment {
  var card = 0
  var time: Int64 = 0
  var amount: Int64 = 0
  var country = 0
  var mcc = 0
  var channel = 0
  var merchant = 0
  var terminal = 0
  var device = 0
  /// 0: all such payments share an id.
  var id = 0
  /// 0 none, 1 legitimate, 2 fraud.
  var label = 0

  static let countries = ["", "FR", "DE", "US", "BR", "JP", "GB", "IT"]

  func record(into bytes: inout [UInt8], builder: inout TransactionBuilder) {
    bytes.removeAll(keepingCapacity: true)
    builder.reset()
    builder.eventTime = time
    builder.amount = amount
    builder.currency = .euro
    builder.country = country == 0 ? .none : Country(Self.countries[country])!
    builder.mcc = mcc == 0 ? TransactionView.noMCC : UInt16(mcc)
    builder.channel = Channel(rawValue: UInt8(channel))!
    builder.id = id == 0 ? [1] : Array("p\(id)".utf8)
    builder.card = Array("card-\(card)".utf8)
    if merchant > 0 { builder.merchant = Array("merchant-\(merchant)".utf8) }
    if terminal > 0 { builder.terminal = Array("terminal-\(terminal)".utf8) }
    if device > 0 { builder.device = Array("device-\(device)".utf8) }
    builder.append(to: &bytes)
  }

  /// The stored value of a field for equality; not hashed here.
  func value(_ field: EventField) -> UInt64 {
    switch field {
    case .country: country == 0 ? 0 : UInt64(Country(Self.countries[country])!.code)
    case .mcc: mcc == 0 ? 0 : UInt64(mcc) + 1
    case .currency: 978
    case .channel: UInt64(channel)
    case .merchant: UInt64(merchant)
    case .terminal: UInt64(terminal)
    case .device: UInt64(device)
    case .card: UInt64(card) + 1
    case .label: UInt64(label)
    case .entryMode, .ip, .customer, .location, .ipCountry, .ipLocation, .transaction, .labelVersion: 0
    }
  }
}

/// Feature values by their definition: every event of every card is kept, and each window is scanned anew.
struct WindowsOracle {
  let features: FeatureSet
  /// By card, sorted by (time, order of application).
  private var events: [Int: [Payment]] = [:]
  /// Members of the windows of the payment at hand: several features look at the same.
  private var members: [WindowKey: [Int]] = [:]

  private struct WindowKey: Hashable {
    let window: Window
    let filter: EventFilter?
  }

  init(_ features: FeatureSet) { self.features = features }

  mutating func observe(_ payment: Payment) -> (values: [Double], observation: Observation) {
    var history = events[payment.card] ?? []
    events[payment.card] = nil  // Keep the array unique while it changes.
    var position = history.count
    while position > 0 && history[position - 1].time > payment.time { position -= 1 }
    var observation: Observation = history.isEmpty ? .firstEvent : []
    if let newest = history.last, payment.time < newest.time {
      observation.insert(.outOfOrder)
      if payment.time < newest.time - features.allowedLateness { observation.insert(.late) }
    }
    history.insert(payment, at: position)
    members.removeAll(keepingCapacity: true)
    var values: [Double] = []
    for feature in features.features { values.append(value(feature.aggregate, payment, history, position, values)) }
    if observation.contains(.late) { history.remove(at: position) }
    events[payment.card] = history
    return (values, observation)
  }

  /// From here on the payment of this card and id is known by the label.
  mutating func label(card: Int, id: Int, _ label: Int) {
    guard let place = events[card]?.firstIndex(where: { $0.id == id }) else { return }
    events[card]![place].label = label
  }

  private mutating func value(
    _ aggregate: Aggregate, _ payment: Payment, _ history: [Payment], _ position: Int, _ earlier: [Double]
  ) -> Double {
    switch aggregate {
    case .statistic(let statistic, let window, let filter):
      let amounts = members(window, filter, payment, history, position).map { history[$0].amount }
      return value(statistic, amounts, payment)
    case .fraudShare(let window, let filter):
      let whole = members(window, filter, payment, history, position)
      return whole.isEmpty ? .nan : Double(whole.count { history[$0].label == 2 }) / Double(whole.count)
    case .distinct(let field, let window, let filter):
      let values = members(window, filter, payment, history, position).map { history[$0].value(field) }
      return Double(Set(values).subtracting([0]).count)
    case .isNew(let field, let window):
      if payment.value(field) == 0 { return .nan }
      let others = members(window, nil, payment, history, position).filter { $0 != position }
      return others.contains { history[$0].value(field) == payment.value(field) } ? 0 : 1
    case .secondsSinceLast(let length, let filter):
      var index = position - 1
      while index >= 0 && !passes(filter, history[index]) { index -= 1 }
      guard index >= 0, payment.time - history[index].time < length ?? .max else { return .nan }
      return Double(payment.time - history[index].time) / 1000
    case .last(let field):
      guard position > 0, history[position - 1].value(field) != 0 else { return .nan }
      return field.number(history[position - 1].value(field))
    case .lastAmount: return position > 0 ? Double(history[position - 1].amount) : .nan
    case .changed(let field):
      guard position > 0, history[position - 1].value(field) != 0, payment.value(field) != 0 else { return .nan }
      return history[position - 1].value(field) == payment.value(field) ? 0 : 1
    case .own(.amount): return Double(payment.amount)
    case .own(.hour): return Double(payment.time / 3_600_000 % 24)
    case .own(.dayOfWeek): return Double((payment.time / 86_400_000 + 3) % 7)
    case .own(.code(let field)): return payment.value(field) == 0 ? .nan : field.number(payment.value(field))
    case .own(.extra), .calendar, .distance, .speed: return .nan
    case .ratio(let numerator, let divisor):
      let bottom = earlier[divisor]
      if bottom == 0 || bottom.isNaN { return .nan }
      if case .feature(let index) = numerator { return earlier[index] / bottom }
      return Double(payment.amount) / bottom
    }
  }

  /// Indices of the window's events that pass, up to the payment itself.
  private mutating func members(
    _ window: Window, _ filter: EventFilter?, _ payment: Payment, _ history: [Payment], _ position: Int
  ) -> [Int] {
    let key = WindowKey(window: window, filter: filter)
    if let known = members[key] { return known }
    var found: [Int] = []
    var index = position
    while index >= 0 && history[index].time > payment.time - window.lag - window.length {
      if history[index].time <= payment.time - window.lag && passes(filter, history[index]) { found.append(index) }
      index -= 1
    }
    members[key] = found
    return found
  }

  private func passes(_ filter: EventFilter?, _ payment: Payment) -> Bool {
    guard let filter else { return true }
    return payment.amount > filter.amountAbove && payment.amount < filter.amountBelow
      && filter.conditions.allSatisfy { $0.values.contains(UInt16(payment.value($0.field))) }
  }

  /// Deviations by sum((n x - sum)^2), another exact formula than the engine's.
  private func value(_ statistic: Aggregate.Statistic, _ amounts: [Int64], _ payment: Payment) -> Double {
    let count = amounts.count
    let sum = amounts.reduce(0, +)
    let mean = count == 0 ? Double.nan : Double(sum) / Double(count)
    func deviation() -> Double {
      guard count >= 2 else { return .nan }
      let squares = amounts.reduce(UInt128(0)) {
        let distance = UInt128((Int64(count) * $1 - sum).magnitude)
        return $0 + distance * distance
      }
      return (Double(squares) / (Double(count * count) * Double(count - 1))).squareRoot()
    }
    switch statistic {
    case .count: return Double(count)
    case .sum: return Double(sum)
    case .mean: return mean
    case .min: return amounts.min().map { Double($0) } ?? .nan
    case .max: return amounts.max().map { Double($0) } ?? .nan
    case .stddev: return deviation()
    case .zscore:
      let deviation = deviation()
      return deviation > 0 ? (Double(payment.amount) - mean) / deviation : .nan
    }
  }
}

/// Drives a table with payments of tests.
struct TableDriver: ~Copyable {
  var table: EntityTable
  private var bytes: [UInt8] = []
  private var builder = TransactionBuilder()
  private let vector: UnsafeMutableBufferPointer<Double>

  init(_ features: FeatureSet) {
    table = EntityTable(features: features)
    vector = .allocate(capacity: FeatureSet.featureCountMax)
    vector.initialize(repeating: 0)
  }

  deinit { vector.deallocate() }

  mutating func observe(_ payment: Payment, keyHash: KeyHash? = nil) -> (values: [Double], observation: Observation) {
    payment.record(into: &bytes, builder: &builder)
    let record = bytes
    let view = TransactionView(trusted: record.span.bytes)
    let observation = table.observe(view, keyHash: keyHash ?? view.keyHash, into: vector)
    return (Array(vector.prefix(table.features.count)), observation)
  }

  mutating func standing(_ payment: Payment) -> LabelStanding {
    payment.record(into: &bytes, builder: &builder)
    let record = bytes
    let view = TransactionView(trusted: record.span.bytes)
    let key = view.keyHash
    return table.labelStanding(view, keyHash: key)
  }

  mutating func label(_ payment: Payment, _ label: Label) -> Bool {
    payment.record(into: &bytes, builder: &builder)
    let record = bytes
    let view = TransactionView(trusted: record.span.bytes)
    let key = view.keyHash
    return table.setLabel(label, of: view, keyHash: key)
  }
}
