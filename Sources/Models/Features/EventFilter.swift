import Wire

/// A feature's `where`: every condition must hold for an event to count. An event without the field fits no list.
///
/// ```yaml
/// where: {channel: [ecommerce, moto], mcc: [5411, 5812], country: [FR], currency: EUR, amount_above: 10000}
/// ```
public struct EventFilter: Sendable, Hashable {
  /// The field's stored value is one of these (sorted, as `EventField` keeps them).
  struct Condition: Sendable, Hashable {
    let field: EventField
    let values: [UInt16]
  }

  /// At most one a field, in the fields' order.
  var conditions: [Condition] = []
  /// Exclusive bounds in minor units.
  var amountAbove: Int64 = .min
  var amountBelow: Int64 = .max

  /// Events that pass `filter` and are known to be fraud.
  static func fraud(_ filter: EventFilter?) -> EventFilter {
    var fraud = filter ?? EventFilter()
    fraud.conditions.append(Condition(field: .label, values: [UInt16(Label.Finding.fraud.rawValue)]))
    return fraud
  }

  var asksForLabels: Bool { conditions.contains { $0.field == .label } }
}
