/// The answer to `Submit`: one outcome a row, in the rows' order.
///
/// Self-contained: names that rows refer to by number (bundles, reason codes, features) stand in tables at the front.
public struct Decisions: Equatable, Sendable {
  public struct Outcome: Equatable, Sendable {
    public enum Status: UInt8, Sendable {
      /// Decided now.
      case decided = 0
      /// Decided earlier: this is the original decision.
      case duplicate = 1
      /// Not decided, and never will be as it is: see `rejection`.
      case rejected = 2
      /// Not decided now; the same row may be sent again: see `failure`.
      case retry = 3
      /// The label is in the log.
      case applied = 4
      /// The transaction had this label before.
      case alreadyApplied = 5
    }

    public var status: Status
    public var partition = PartitionID(0)
    public var offset = Offset.zero
    public var decision = Decision(score: 0, action: .approve, verdict: .clear, flags: [], reasons: Decision.noReasons)
    /// Index into `bundles`.
    public var bundle: UInt8 = 0
    /// Of the hot items of lists that it was decided under; 0 for none, or from a worker that does not tell.
    public var listVersion: UInt64 = 0
    public var rejection: Rejection?
    public var failure: FailureCode?
    /// Feature values in the order of `featureNames[bundle]`; empty unless asked for.
    public var features: [Double] = []

    public init(status: Status) { self.status = status }
  }

  public struct BundleNames: Equatable, Sendable {
    public var id: BundleID
    /// Reason codes; `Decision.reasons` are indices into it.
    public var reasons: [String]
    /// Names of the features, where the answer carries features.
    public var features: [String]

    public init(id: BundleID, reasons: [String], features: [String]) {
      self.id = id
      self.reasons = reasons
      self.features = features
    }
  }

  public var bundles: [BundleNames] = []
  public var outcomes: [Outcome] = []

  public init() {}

  public static func writeTables(_ bundles: [BundleNames], rowCount: Int, to out: inout WireWriter) {
    out.write(UInt16(rowCount))
    out.write(UInt8(bundles.count))
    for bundle in bundles { writeTable(bundle, to: &out) }
  }

  public static func writeTable(_ bundle: BundleNames, to out: inout WireWriter) {
    out.write(bundle.id.high)
    out.write(bundle.id.low)
    out.write(UInt16(bundle.reasons.count))
    for reason in bundle.reasons { out.write(reason) }
    out.write(UInt16(bundle.features.count))
    for name in bundle.features { out.write(name) }
  }

  /// On the wire, on top of `decided` and `duplicate`: a list version, u64, stands in front of the features. Only for peers with
  /// `LinkIdentity.Features.listVersions`.
  @inlinable static var listVersionMark: UInt8 { 0x10 }

  /// One decided or duplicate row; `features` as raw little-endian doubles, or empty.
  @inlinable public static func writeDecided(
    duplicate: Bool, partition: PartitionID, offset: Offset, decision: Decision, bundle: UInt8, listVersion: UInt64 = 0,
    features: UnsafeRawBufferPointer, to out: inout WireWriter
  ) {
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { row in
      row.storeBytes(of: (duplicate ? 1 : 0) | (listVersion > 0 ? listVersionMark : 0), toByteOffset: 0, as: UInt8.self)
      row.storeBytes(of: bundle, toByteOffset: 1, as: UInt8.self)
      row.storeBytes(of: UInt16(features.count / 8).littleEndian, toByteOffset: 2, as: UInt16.self)
      row.storeBytes(of: partition.rawValue.littleEndian, toByteOffset: 4, as: UInt32.self)
      row.storeBytes(of: offset.rawValue.littleEndian, toByteOffset: 8, as: UInt64.self)
      decision.write(to: row.baseAddress! + 16)
      out.write(raw: UnsafeRawBufferPointer(row))
    }
    if listVersion > 0 { out.write(listVersion) }
    if !features.isEmpty { out.write(raw: features) }
  }

  /// One row that is a label; `offset` is that of its entry, zero where it was known before.
  ///
  /// In bytes: u8 status, u8 and u16 reserved (0), u32 partition, u64 offset.
  public static func writeLabelled(known: Bool, partition: PartitionID, offset: Offset, to out: inout WireWriter) {
    out.write((known ? Outcome.Status.alreadyApplied : .applied).rawValue)
    out.write(0 as UInt8)
    out.write(0 as UInt16)
    out.write(partition.rawValue)
    out.write(offset.rawValue)
  }

  public static func writeRejected(_ rejection: Rejection, to out: inout WireWriter) {
    out.write(Outcome.Status.rejected.rawValue)
    out.write(rejection.reason.rawValue)
    out.write(rejection.field)
    out.write(rejection.detail)
  }

  public static func writeRetry(_ code: FailureCode, to out: inout WireWriter) {
    out.write(Outcome.Status.retry.rawValue)
    out.write(code.rawValue)
  }

  /// With list versions for peers that read them.
  public func write(withListVersions: Bool = true, to out: inout WireWriter) {
    Self.writeTables(bundles, rowCount: outcomes.count, to: &out)
    for row in outcomes {
      switch row.status {
      case .decided, .duplicate:
        row.features.withUnsafeBytes {
          Self.writeDecided(
            duplicate: row.status == .duplicate, partition: row.partition, offset: row.offset, decision: row.decision,
            bundle: row.bundle, listVersion: withListVersions ? row.listVersion : 0, features: $0, to: &out)
        }
      case .rejected: Self.writeRejected(row.rejection!, to: &out)
      case .retry: Self.writeRetry(row.failure!, to: &out)
      case .applied, .alreadyApplied:
        Self.writeLabelled(known: row.status == .alreadyApplied, partition: row.partition, offset: row.offset, to: &out)
      }
    }
  }

  public init(reading payload: RawSpan) throws(WireError) {
    var reader = WireReader(payload)
    let rowCount = Int(try reader.read(UInt16.self))
    for _ in 0..<Int(try reader.read(UInt8.self)) {
      let id = BundleID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
      var names = BundleNames(id: id, reasons: [], features: [])
      for _ in 0..<Int(try reader.read(UInt16.self)) { names.reasons.append(try reader.readString()) }
      for _ in 0..<Int(try reader.read(UInt16.self)) { names.features.append(try reader.readString()) }
      bundles.append(names)
    }
    outcomes.reserveCapacity(min(rowCount, reader.remaining / 2))
    for _ in 0..<rowCount { outcomes.append(try Self.readOutcome(&reader, bundles: bundles)) }
    try reader.finish()
  }

  @_lifetime(reader: copy reader)
  private static func readOutcome(_ reader: inout WireReader, bundles: [BundleNames]) throws(WireError) -> Outcome {
    let at = reader.position
    let code = try reader.read(UInt8.self)
    let isMarked = hasListVersion(code)
    guard let status = Outcome.Status(rawValue: isMarked ? code ^ listVersionMark : code) else {
      throw .invalid(at: at, "unknown row status")
    }
    var outcome = Outcome(status: status)
    switch status {
    case .decided, .duplicate:
      outcome.bundle = try reader.read(UInt8.self)
      guard Int(outcome.bundle) < bundles.count else { throw .invalid(at: at + 1, "no such bundle in the table") }
      let featureCount = Int(try reader.read(UInt16.self))
      outcome.partition = PartitionID(try reader.read(UInt32.self))
      outcome.offset = Offset(try reader.read(UInt64.self))
      guard let decision = Decision(reading: try reader.readRaw(Decision.size)) else {
        throw .invalid(at: at + 16, "no such action or verdict")
      }
      let known = bundles[Int(outcome.bundle)].reasons.count
      for i in 0..<4 where decision.reasons[i] != Decision.noReason && Int(decision.reasons[i]) >= known {
        throw .invalid(at: at + 24, "no such reason in the table")
      }
      outcome.decision = decision
      if isMarked { outcome.listVersion = try readListVersion(&reader) }
      outcome.features.reserveCapacity(min(featureCount, reader.remaining / 8))
      for _ in 0..<featureCount { outcome.features.append(try reader.readDouble()) }
    case .rejected:
      guard let reason = RejectReason(rawValue: try reader.read(UInt8.self)) else { throw .invalid(at: at + 1, "unknown reject reason") }
      outcome.rejection = Rejection(reason, field: try reader.readString(), try reader.readString())
    case .retry:
      guard let code = FailureCode(rawValue: try reader.read(UInt16.self)) else { throw .invalid(at: at + 1, "unknown failure code") }
      outcome.failure = code
    case .applied, .alreadyApplied: (outcome.partition, outcome.offset) = try readLabelled(&reader)
    }
    return outcome
  }

  /// Whether a row of this status byte has a list version.
  static func hasListVersion(_ code: UInt8) -> Bool {
    code == listVersionMark | Outcome.Status.decided.rawValue || code == listVersionMark | Outcome.Status.duplicate.rawValue
  }

  @_lifetime(reader: copy reader)
  static func readListVersion(_ reader: inout WireReader) throws(WireError) -> UInt64 {
    let at = reader.position
    let version = try reader.read(UInt64.self)
    guard version > 0 else { throw .invalid(at: at, "list versions begin with 1") }
    return version
  }

  /// What stands behind the status of a row that is a label.
  @_lifetime(reader: copy reader)
  static func readLabelled(_ reader: inout WireReader) throws(WireError) -> (PartitionID, Offset) {
    let at = reader.position
    guard try reader.read(UInt8.self) == 0, try reader.read(UInt16.self) == 0 else {
      throw .invalid(at: at, "reserved bytes are not 0")
    }
    return (PartitionID(try reader.read(UInt32.self)), Offset(try reader.read(UInt64.self)))
  }
}
