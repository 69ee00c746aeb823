import Wire

/// What a card's history knows of the transaction that a label is for.
public enum LabelStanding: Equatable, Sendable {
  /// The features ask for no labels.
  case notKept
  /// The card had no such transaction, or none that any window could still hold.
  case unknown
  /// The transaction of this id and time had other content.
  case contradicted
  /// It is there, with this label.
  case known(Label?)
}

/// Labels: what becomes known of transactions later, by a chargeback or by whoever looked into an alert.
extension EntityTable {
  public var keepsLabels: Bool { plan.labelReach > 0 }

  /// What is known of the transaction, which is proven and has such an entity, `keyHash` being that entity's. Changes nothing.
  public mutating func labelStanding(_ t: TransactionView, keyHash: KeyHash) -> LabelStanding {
    guard keepsLabels else { return .notKept }
    guard let number = findForLabel(t, keyHash) else { return .unknown }
    let header = slab.header(number)
    let layout = plans[header.pointee.planSlot].unsafelyUnwrapped
    let ring = Ring(header, layout)
    var standing = LabelStanding.unknown
    // An id may stand twice where it came again behind the dedup horizon.
    var index = nextPlace(ring, layout, from: ring.firstIndex(after: event.time &- 1))
    while let place = index {
      if isSame(ring, layout, place) { return .known(Self.label(ring, layout, place)) }
      standing = .contradicted
      index = nextPlace(ring, layout, from: place + 1)
    }
    return standing
  }

  /// Gives the transaction its label, unless it has one of this version or a higher one. False where nothing has changed: also
  /// where the transaction is not there (any more), for then no window can hold it.
  @discardableResult
  public mutating func setLabel(_ label: Label, of t: TransactionView, keyHash: KeyHash) -> Bool {
    guard keepsLabels, let number = findForLabel(t, keyHash) else { return false }
    let header = slab.header(number)
    let layout = plans[header.pointee.planSlot].unsafelyUnwrapped
    guard placeForLabel(Ring(header, layout), layout) != nil else { return false }
    slab.touch(number, epoch: epoch)
    if let walk { walk.keep(number, header, summaries[number]) }
    if header.pointee.planSlot != planSlot { migrate(number, header) }
    let ring = Ring(header, plan)
    guard let place = placeForLabel(ring, plan) else { return false }
    if let known = Self.label(ring, plan, place), known.version >= label.version { return false }
    ring.setLabel(label, at: place, plan)
    return true
  }

  /// The transaction becomes the event at hand.
  private mutating func findForLabel(_ t: TransactionView, _ keyHash: KeyHash) -> Int? {
    event.decode(t, hashedFields: plan.hashedFields, coordinates: plan.coordinates, geo: plan.geo)
    return find(plan.kind == .card ? t.card : t.token(EntitySlot(plan.kind)), keyHash)
  }

  /// The one with equal content, or else the first of the id.
  private func placeForLabel(_ ring: Ring, _ layout: FeaturePlan) -> Int? {
    let first = nextPlace(ring, layout, from: ring.firstIndex(after: event.time &- 1))
    var index = first
    while let place = index {
      if isSame(ring, layout, place) { return place }
      index = nextPlace(ring, layout, from: place + 1)
    }
    return first
  }

  /// The next event of this time and transaction id.
  private func nextPlace(_ ring: Ring, _ layout: FeaturePlan, from start: Int) -> Int? {
    var index = start
    while index < ring.end, ring.time(index) == event.time {
      if Self.value(ring, layout, .transaction, index) == event[.transaction] { return index }
      index += 1
    }
    return nil
  }

  /// As far as the history keeps what the transaction was: a field that was not kept then says nothing.
  private func isSame(_ ring: Ring, _ layout: FeaturePlan, _ index: Int) -> Bool {
    guard ring.amount(index) == event.amount else { return false }
    return plan.columns.allSatisfy { column in
      // What another bundle's schema took for the place may lie elsewhere in the record by now, and its geo tables be older.
      guard !column.field.isOfLabels, ![.location, .ipCountry, .ipLocation].contains(column.field) else { return true }
      let stored = Self.value(ring, layout, column.field, index)
      return stored == 0 || stored == event[column.field]
    }
  }

  private static func label(_ ring: Ring, _ layout: FeaturePlan, _ index: Int) -> Label? {
    guard let finding = Label.Finding(rawValue: UInt8(value(ring, layout, .label, index))) else { return nil }
    let version = UInt16(value(ring, layout, .labelVersion, index))
    return version == 0 ? nil : Label(finding, version: version)
  }
}

extension Ring {
  /// The event at `index` is known by another label from here on. Whatever counts it under a filter that asks for labels counts it
  /// anew; nothing but counts may depend on a label.
  func setLabel(_ label: Label, at index: Int, _ plan: FeaturePlan) {
    func forEachWindow(_ body: (FeaturePlan.Edge) -> Void) {
      for edge in plan.edges where left(edge) <= index && index < right(edge) { body(edge) }
    }
    forEachWindow { leave(index, $0, plan) }
    write(index, plan.columns[plan.columnOfField[Int(EventField.label.rawValue)]], UInt64(label.finding.rawValue))
    write(index, plan.columns[plan.columnOfField[Int(EventField.labelVersion.rawValue)]], UInt64(label.version))
    for filter in plan.filters { bitmap(filter.bitmap)[index] = passes(filter, index, plan) }
    forEachWindow { enter(index, $0, plan) }
  }
}
