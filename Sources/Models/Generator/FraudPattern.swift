/// The ways of fraud in a synthetic world; the label of a fraudulent transaction.
public enum FraudPattern: UInt8, CaseIterable, Sendable {
  /// One purchase far above what its customer spends.
  case amountAboveHabit
  /// A skimmed terminal: copies of its visitors' cards pay there for weeks.
  case compromisedTerminal
  /// A stolen card number, used online for weeks for more than its owner spends.
  case compromisedCard
  /// A burst of tiny amounts that finds out whether a card works.
  case cardTesting
  /// A card present in two places between which nobody travels that fast.
  case impossibleTravel
  /// One device that pays with many customers' cards.
  case deviceManyCards
  /// A stranger in a customer's account: new device, other country, at night.
  case accountTakeover

  public var name: String {
    switch self {
    case .amountAboveHabit: "amount_above_habit"
    case .compromisedTerminal: "compromised_terminal"
    case .compromisedCard: "compromised_card"
    case .cardTesting: "card_testing"
    case .impossibleTravel: "impossible_travel"
    case .deviceManyCards: "device_many_cards"
    case .accountTakeover: "account_takeover"
    }
  }

  /// The pattern's share of all fraudulent transactions; the shares sum to 1.
  var share: Double {
    switch self {
    case .amountAboveHabit: 0.15
    case .compromisedTerminal: 0.25
    case .compromisedCard: 0.25
    case .cardTesting: 0.12
    case .impossibleTravel: 0.06
    case .deviceManyCards: 0.09
    case .accountTakeover: 0.08
    }
  }
}
