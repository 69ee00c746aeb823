import Wire

/// Feature sets of one entity side by side, while contributions under more than one bundle come (X6).
extension FeatureSet {
  /// This set's features, and behind them those of `others` that it does not have: what a table computes that is asked for any of
  /// them. How late an event may be is this set's. Names may stand twice.
  ///
  /// Features that measure from other coordinates, or read other geo tables, than this set's are left out: a table keeps one place
  /// and one country an event.
  public func joined(with others: [FeatureSet]) -> FeatureSet {
    var features = features
    for other in others {
      precondition(other.entity == entity, "sets of one entity are joined")
      _ = other.placed(in: &features, mayAppend: true, beside: self)
    }
    guard features.count > self.features.count else { return self }
    return FeatureSet(
      features: features, entity: entity, allowedLateness: allowedLateness,
      eventsPerEntityMax: others.reduce(eventsPerEntityMax) { max($0, $1.eventsPerEntityMax) }, extraFieldCount: extraFieldCount,
      coordinates: coordinates, zones: zones, geo: geo, labelReach: labelReach)
  }

  /// Where each feature of `set` stands in this one; nil if one doesn't.
  public func columns(of set: FeatureSet) -> [Int]? {
    if set.features == features { return Array(features.indices) }
    var features = features
    let places = set.placed(in: &features, mayAppend: false, beside: self)
    return places.contains(nil) ? nil : places.map { $0! }
  }

  /// Places of this set's features among `all`, by what they compute; operands before what is computed from them.
  private func placed(in all: inout [Feature], mayAppend: Bool, beside whole: FeatureSet) -> [Int?] {
    var places = [Int?](repeating: nil, count: features.count)
    for index in evaluationOrder {
      guard let aggregate = moved(features[index].aggregate, places) else { continue }
      let fields = aggregate.fields
      if fields.contains(.location), coordinates != whole.coordinates { continue }
      if fields.contains(.ipCountry) || fields.contains(.ipLocation), geo != whole.geo { continue }
      if let known = all.firstIndex(where: { $0.aggregate == aggregate }) {
        places[index] = known
      } else if mayAppend {
        places[index] = all.count
        all.append(Feature(name: features[index].name, entity: features[index].entity, aggregate: aggregate))
      }
    }
    return places
  }

  private func moved(_ aggregate: Aggregate, _ places: [Int?]) -> Aggregate? {
    guard case .ratio(let numerator, let divisor) = aggregate else { return aggregate }
    guard let by = places[divisor] else { return nil }
    guard case .feature(let index) = numerator else { return .ratio(.amount, by: by) }
    return places[index].map { .ratio(.feature($0), by: by) }
  }
}
