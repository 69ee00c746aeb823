import Glibc

/// The names that the rows of an answer refer to by number: bundles, their reason codes and features.
///
/// A worker's answers carry the same table for as long as its bundles stay the same; keeping the last one saves reading
/// its texts again.
public final class DecisionsTables: Sendable {
  public let bundles: [Decisions.BundleNames]
  /// As on the wire, from the count of bundles on. They tell their own length, so equal bytes are an equal table.
  private let bytes: [UInt8]

  @_lifetime(reader: copy reader)
  init(_ reader: inout WireReader, in payload: RawSpan) throws(WireError) {
    let start = reader.position
    var bundles: [Decisions.BundleNames] = []
    for _ in 0..<Int(try reader.read(UInt8.self)) {
      let id = BundleID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
      var names = Decisions.BundleNames(id: id, reasons: [], features: [])
      for _ in 0..<Int(try reader.read(UInt16.self)) { names.reasons.append(try reader.readString()) }
      for _ in 0..<Int(try reader.read(UInt16.self)) { names.features.append(try reader.readString()) }
      bundles.append(names)
    }
    self.bundles = bundles
    bytes = payload.extracting(start..<reader.position).withUnsafeBytes { [UInt8]($0) }
  }

  var byteCount: Int { bytes.count }

  /// Whether `payload` has this very table at `start`.
  func stands(in payload: RawSpan, at start: Int) -> Bool {
    guard payload.byteCount - start >= bytes.count else { return false }
    return payload.withUnsafeBytes { payload in
      bytes.withUnsafeBytes { memcmp(payload.baseAddress! + start, $0.baseAddress!, $0.count) == 0 }
    }
  }
}

/// Reads a `Decisions` payload row by row, where it lies: for clients that take many answers a second.
public struct DecisionsReader: ~Escapable {
  public let rowCount: Int
  public let tables: DecisionsTables
  private var reader: WireReader

  /// Reads what stands before the rows. `known` is the table of an earlier answer, if any.
  @_lifetime(copy payload)
  public init(_ payload: RawSpan, reusing known: DecisionsTables? = nil) throws(WireError) {
    var reader = WireReader(payload)
    rowCount = Int(try reader.read(UInt16.self))
    if let known, known.stands(in: payload, at: reader.position) {
      _ = try reader.readRaw(known.byteCount)
      tables = known
    } else {
      tables = try DecisionsTables(&reader, in: payload)
    }
    self.reader = reader
  }

  /// One row; its features are borrowed from the payload.
  public struct Row: ~Escapable {
    public let status: Decisions.Outcome.Status
    public let partition: PartitionID
    public let offset: Offset
    public let decision: Decision
    /// Index into `tables.bundles`.
    public let bundle: Int
    /// Of the hot items of lists; 0 for none, or from a worker that does not tell.
    public let listVersion: UInt64
    /// Where `status` is `rejected`.
    public let rejection: Rejection?
    /// Where `status` is `retry`.
    public let failure: FailureCode?
    /// Raw little-endian doubles in the order of the bundle's feature names, or empty.
    public let features: RawSpan

    @_lifetime(copy features)
    init(
      _ status: Decisions.Outcome.Status, partition: PartitionID = PartitionID(0), offset: Offset = .zero,
      decision: Decision = Self.none, bundle: Int = 0, listVersion: UInt64 = 0, rejection: Rejection? = nil, failure: FailureCode? = nil,
      features: RawSpan
    ) {
      self.status = status
      self.partition = partition
      self.offset = offset
      self.decision = decision
      self.bundle = bundle
      self.listVersion = listVersion
      self.rejection = rejection
      self.failure = failure
      self.features = features
    }

    static var none: Decision { Decision(score: 0, action: .approve, verdict: .clear, flags: [], reasons: Decision.noReasons) }
  }

  /// The next row. Call `rowCount` times, then `finish`.
  @_lifetime(copy self) @_lifetime(self: copy self)
  public mutating func next() throws(WireError) -> Row {
    let at = reader.position
    let code = try reader.read(UInt8.self)
    switch code {
    case Decisions.Outcome.Status.decided.rawValue: return try readDecided(.decided, at)
    case _ where Decisions.hasListVersion(code):
      return try readDecided(code & 1 == 0 ? .decided : .duplicate, at, hasListVersion: true)
    case Decisions.Outcome.Status.duplicate.rawValue: return try readDecided(.duplicate, at)
    case Decisions.Outcome.Status.rejected.rawValue:
      guard let reason = RejectReason(rawValue: try reader.read(UInt8.self)) else {
        throw .invalid(at: at + 1, "unknown reject reason")
      }
      let rejection = Rejection(reason, field: try reader.readString(), try reader.readString())
      return Row(.rejected, rejection: rejection, features: try reader.readRaw(0))
    case Decisions.Outcome.Status.retry.rawValue:
      guard let code = FailureCode(rawValue: try reader.read(UInt16.self)) else {
        throw .invalid(at: at + 1, "unknown failure code")
      }
      return Row(.retry, failure: code, features: try reader.readRaw(0))
    case Decisions.Outcome.Status.applied.rawValue: return try readLabelled(.applied)
    case Decisions.Outcome.Status.alreadyApplied.rawValue: return try readLabelled(.alreadyApplied)
    default: throw .invalid(at: at, "unknown row status")
    }
  }

  @_lifetime(copy self) @_lifetime(self: copy self)
  private mutating func readLabelled(_ status: Decisions.Outcome.Status) throws(WireError) -> Row {
    let (partition, offset) = try Decisions.readLabelled(&reader)
    return Row(status, partition: partition, offset: offset, features: try reader.readRaw(0))
  }

  @_lifetime(copy self) @_lifetime(self: copy self)
  private mutating func readDecided(
    _ status: Decisions.Outcome.Status, _ at: Int, hasListVersion: Bool = false
  ) throws(WireError) -> Row {
    let bundle = Int(try reader.read(UInt8.self))
    guard bundle < tables.bundles.count else { throw .invalid(at: at + 1, "no such bundle in the table") }
    let featureCount = Int(try reader.read(UInt16.self))
    guard featureCount == 0 || featureCount == tables.bundles[bundle].features.count else {
      throw .invalid(at: at + 2, "\(featureCount) features, but the table names \(tables.bundles[bundle].features.count)")
    }
    let partition = PartitionID(try reader.read(UInt32.self))
    let offset = Offset(try reader.read(UInt64.self))
    guard let decision = Decision(reading: try reader.readRaw(Decision.size)) else {
      throw .invalid(at: at + 16, "no such action or verdict")
    }
    let reasonCount = tables.bundles[bundle].reasons.count
    for i in 0..<4 where decision.reasons[i] != Decision.noReason && Int(decision.reasons[i]) >= reasonCount {
      throw .invalid(at: at + 24, "no such reason in the table")
    }
    let listVersion = hasListVersion ? try Decisions.readListVersion(&reader) : 0
    return Row(
      status, partition: partition, offset: offset, decision: decision, bundle: bundle, listVersion: listVersion,
      features: try reader.readRaw(featureCount * 8))
  }

  /// Refuses bytes left over behind the last row.
  public consuming func finish() throws(WireError) { try reader.finish() }
}
