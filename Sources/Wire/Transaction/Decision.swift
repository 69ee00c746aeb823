/// What Assay says of a transaction: 16 bytes, the same in the log, in the dedup table and (widened) on the wire.
public struct Decision: Equatable, Sendable, BitwiseCopyable {
  public static var size: Int { 16 }

  public enum Verdict: UInt8, Sendable, BitwiseCopyable { case clear = 0, potentialFraud = 1 }
  public enum Action: UInt8, Sendable, BitwiseCopyable { case approve = 0, review = 1, decline = 2 }

  public struct Flags: OptionSet, Sendable, BitwiseCopyable {
    public let rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// An entity's features were missing at the deadline (X4).
    public static var degraded: Flags { Flags(rawValue: 1) }
    /// The entity's history is shorter than the longest window since the features were declared.
    public static var warming: Flags { Flags(rawValue: 2) }
    /// The event came later than the allowed lateness (W2): its features leave out what has been forgotten.
    public static var late: Flags { Flags(rawValue: 4) }
    /// The event came out of order, within the allowed lateness.
    public static var outOfOrder: Flags { Flags(rawValue: 8) }
    /// The entity has more events in its windows than are kept: the oldest were dropped.
    public static var truncated: Flags { Flags(rawValue: 16) }

    /// Names in output files and answers, in order of the bits.
    public static let names: [(Flags, String)] = [
      (.degraded, "degraded"), (.warming, "warming"), (.late, "late"), (.outOfOrder, "out_of_order"), (.truncated, "truncated"),
    ]
  }

  /// 0...1 for probabilities and anomaly scores; whatever the model's objective gives otherwise.
  public var score: Float
  public var action: Action
  public var verdict: Verdict
  public var flags: Flags
  public var reserved: UInt8 = 0
  /// Up to four indices into the bundle's reason table, gravest first; `noReason` where there are fewer.
  public var reasons: SIMD4<UInt16>

  public static var noReason: UInt16 { .max }
  public static var noReasons: SIMD4<UInt16> { SIMD4(repeating: noReason) }

  @inlinable public init(score: Float, action: Action, verdict: Verdict, flags: Flags, reasons: SIMD4<UInt16>) {
    self.score = score
    self.action = action
    self.verdict = verdict
    self.flags = flags
    self.reasons = reasons
  }

  @inlinable public func write(to out: UnsafeMutableRawPointer) {
    out.storeBytes(of: score.bitPattern.littleEndian, as: UInt32.self)
    out.storeBytes(of: action.rawValue, toByteOffset: 4, as: UInt8.self)
    out.storeBytes(of: verdict.rawValue, toByteOffset: 5, as: UInt8.self)
    out.storeBytes(of: flags.rawValue, toByteOffset: 6, as: UInt8.self)
    out.storeBytes(of: 0, toByteOffset: 7, as: UInt8.self)
    for i in 0..<4 { out.storeBytes(of: reasons[i].littleEndian, toByteOffset: 8 + 2 * i, as: UInt16.self) }
  }

  /// Reads the 16-byte form; nil for an action or verdict that doesn't exist.
  @inlinable public init?(reading bytes: borrowing RawSpan) {
    guard bytes.byteCount >= Self.size,
      let action = Action(rawValue: bytes.unsafeLoad(fromByteOffset: 4, as: UInt8.self)),
      let verdict = Verdict(rawValue: bytes.unsafeLoad(fromByteOffset: 5, as: UInt8.self))
    else { return nil }
    score = Float(bitPattern: UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self)))
    self.action = action
    self.verdict = verdict
    flags = Flags(rawValue: bytes.unsafeLoad(fromByteOffset: 6, as: UInt8.self))
    var reasons = SIMD4<UInt16>()
    for i in 0..<4 { reasons[i] = UInt16(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 8 + 2 * i, as: UInt16.self)) }
    self.reasons = reasons
  }
}
