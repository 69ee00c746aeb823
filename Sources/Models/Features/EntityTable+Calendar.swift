import CEL
import Wire

/// A calendar feature ready to be computed.
struct CalendarStep {
  let output: Int
  let calendar: Calendar
  /// nil where the transaction's own field names it.
  let zone: Zone?
  /// -1 where the zone is known beforehand.
  let field: Int
}

extension EntityTable {
  func calendarSteps(_ t: TransactionView, _ plan: FeaturePlan, _ out: UnsafeMutablePointer<Double>) {
    let seconds = Self.seconds(t.eventTime)
    for step in plan.calendarSteps {
      var zone = step.zone
      if step.field >= 0 { zone = Self.zone(t, step.field, plan.calendarZones) }
      guard let zone else {
        out[step.output] = .nan
        continue
      }
      out[step.output] = step.calendar.value(seconds + zone.distance(at: seconds))
    }
  }

  /// Rounded down, for times before 1970 too.
  private static func seconds(_ milliseconds: Int64) -> Int64 {
    (milliseconds - Calendar.remainder(milliseconds, 1_000)) / 1_000
  }

  private static func zone(_ t: TransactionView, _ field: Int, _ zones: CalendarZones) -> Zone? {
    t.extras.withUnsafeBytes { bytes in
      guard let at = ExtraPlaces.find(field, in: bytes, count: t.extraCount), bytes[at] == ExtraField.Kind.text.rawValue else { return nil }
      let text = UnsafeRawBufferPointer(rebasing: bytes[at + 2..<at + 2 + Int(bytes[at + 1])])
      return zones.zone(text.bindMemory(to: UInt8.self))
    }
  }
}

/// Where extra fields lie in a proven record (`ExtraField`).
enum ExtraPlaces {
  /// Where the field's kind stands; nil where the record does not have it.
  static func find(_ field: Int, in bytes: UnsafeRawBufferPointer, count: Int) -> Int? {
    var at = 0
    for _ in 0..<count {
      if Int(bytes[at]) == field { return at + 1 }
      switch ExtraField.Kind(rawValue: bytes[at + 1]) {
      case .number, .integer: at += 10
      case .flag: at += 3
      case .text, nil: at += 3 + Int(bytes[at + 2])
      }
    }
    return nil
  }

  static func number(_ field: Int, in bytes: UnsafeRawBufferPointer, count: Int) -> Double? {
    guard let at = find(field, in: bytes, count: count), bytes[at] == ExtraField.Kind.number.rawValue else { return nil }
    return Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 1, as: UInt64.self)))
  }
}
