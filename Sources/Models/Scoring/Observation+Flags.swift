import Wire

extension Observation {
  /// What of an observation a decision carries.
  public var decisionFlags: Decision.Flags {
    var flags: Decision.Flags = []
    if contains(.late) { flags.insert(.late) }
    if contains(.outOfOrder) { flags.insert(.outOfOrder) }
    if contains(.warming) { flags.insert(.warming) }
    if contains(.truncated) { flags.insert(.truncated) }
    return flags
  }
}
