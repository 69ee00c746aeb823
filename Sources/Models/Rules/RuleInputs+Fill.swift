import CEL
import Wire

extension RuleInputs {
  /// Puts a transaction and its features into a frame whose inputs are these. `record` is a proven transaction that stays where
  /// it is until the evaluation is over; `row` has the features in the set's order, NaN where one is missing.
  func fill(_ frame: ScalarFrame, _ record: UnsafeRawBufferPointer, row: UnsafePointer<Double>, score: Float) {
    let view = TransactionView(trusted: RawSpan(_unsafeBytes: record))
    let base = record.baseAddress.unsafelyUnwrapped
    frame.time = view.eventTime
    for (place, source) in sources.enumerated() {
      switch source {
      case .transactionID: Self.set(frame, place, base, Parts.token(0, of: base))
      case .card: Self.set(frame, place, base, Parts.token(1, of: base))
      case .customer: Self.set(frame, place, base, Parts.token(2, of: base))
      case .merchant: Self.set(frame, place, base, Parts.token(3, of: base))
      case .terminal: Self.set(frame, place, base, Parts.token(4, of: base))
      case .device: Self.set(frame, place, base, Parts.token(5, of: base))
      case .ip: Self.setAddress(frame, place, base)
      case .amount: frame.set(place, Double(view.amount) / Self.minorUnits[view.currency.minorDigits & 7])
      case .amountMinor: frame.set(place, view.amount)
      case .currency: frame.set(place, CodeTexts.currency(view.currency))
      case .country:
        if view.country == .none {
          frame.remove(place)
        } else {
          // The record has the two letters themselves.
          Self.set(frame, place, base, 24..<26)
        }
      case .mcc:
        if let mcc = view.mcc { frame.set(place, Int64(mcc)) } else { frame.remove(place) }
      case .channel:
        let channel = view.channel
        if channel == .unknown { frame.remove(place) } else { frame.set(place, CodeTexts.channel(channel)) }
      case .entryMode:
        let mode = view.entryMode
        if mode == .unknown { frame.remove(place) } else { frame.set(place, CodeTexts.entryMode(mode)) }
      case .eventTime: frame.set(place, Instant(milliseconds: view.eventTime).unsafelyUnwrapped)
      case .extra, .geo: frame.remove(place)
      case .feature(let index):
        let value = row[index]
        if value.isNaN { frame.remove(place) } else { frame.set(place, value) }
      case .score: frame.set(place, Double(score))
      }
    }
    if !geo.isEmpty { fillGeo(frame, view.ip) }
    if !extraPlaces.isEmpty, view.extraCount > 0 { fillExtras(frame, base, length: record.count, count: view.extraCount) }
  }

  @inline(__always)
  private static func set(_ frame: ScalarFrame, _ place: Int, _ base: UnsafeRawPointer, _ range: Range<Int>) {
    if range.isEmpty { return frame.remove(place) }
    frame.set(
      place, UnsafeBufferPointer(start: (base + range.lowerBound).assumingMemoryBound(to: UInt8.self), count: range.count))
  }

  private static func setAddress(_ frame: ScalarFrame, _ place: Int, _ base: UnsafeRawPointer) {
    let range = Parts.ip(of: base)
    func word<T: FixedWidthInteger & BitwiseCopyable>(_ at: Int, _: T.Type) -> T {
      T(bigEndian: base.loadUnaligned(fromByteOffset: range.lowerBound + at, as: T.self))
    }
    switch range.count {
    case 4: frame.set(place, IPAddress(v4: word(0, UInt32.self)))
    case 16: frame.set(place, IPAddress(high: word(0, UInt64.self), low: word(8, UInt64.self)))
    default: frame.remove(place)
    }
  }

  private func fillGeo(_ frame: ScalarFrame, _ ip: RawSpan) {
    for (reader, places) in geo {
      reader.read(ip: ip) { field, value in
        switch value {
        case .text(let text): frame.set(places[field], text)
        case .number(let number): frame.set(places[field], number)
        case .integer(let number): frame.set(places[field], number)
        case .flag(let flag): frame.set(places[field], flag)
        }
      }
    }
  }

  private func fillExtras(_ frame: ScalarFrame, _ base: UnsafeRawPointer, length: Int, count: Int) {
    var at = Parts.ip(of: base).upperBound
    for _ in 0..<count {
      let field = Int(base.load(fromByteOffset: at, as: UInt8.self))
      let kind = ExtraField.Kind(rawValue: base.load(fromByteOffset: at + 1, as: UInt8.self)).unsafelyUnwrapped
      let place = field < extraPlaces.count ? extraPlaces[field] : -1
      at += 2
      switch kind {
      case .number, .integer:
        let bits = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        if place >= 0 {
          if kind == .number { frame.set(place, Double(bitPattern: bits)) } else { frame.set(place, Int64(bitPattern: bits)) }
        }
        at += 8
      case .flag:
        if place >= 0 { frame.set(place, base.load(fromByteOffset: at, as: UInt8.self) != 0) }
        at += 1
      case .text:
        let size = Int(base.load(fromByteOffset: at, as: UInt8.self))
        if place >= 0 {
          frame.set(place, UnsafeBufferPointer(start: (base + at + 1).assumingMemoryBound(to: UInt8.self), count: size))
        }
        at += 1 + size
      }
    }
    precondition(at <= length, "extra fields end with their record")
  }

  /// Exact powers of ten: one division, rounded once.
  private static let minorUnits: [Double] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000]
}

/// Where the parts of a record lie (`TransactionView`).
private enum Parts {
  @inline(__always) static func token(_ index: Int, of base: UnsafeRawPointer) -> Range<Int> {
    var start = TransactionView.fixedSize
    for part in 0..<index { start += length(part, base) }
    return start..<start + length(index, base)
  }

  static func ip(of base: UnsafeRawPointer) -> Range<Int> {
    let start = token(5, of: base).upperBound
    return start..<start + Int(base.load(fromByteOffset: 5, as: UInt8.self))
  }

  @inline(__always) private static func length(_ part: Int, _ base: UnsafeRawPointer) -> Int {
    Int(base.load(fromByteOffset: 28 + part, as: UInt8.self))
  }
}
