import Wire

/// Decisions as NDJSON lines and CSV rows. Made once per bundle: names are encoded in advance.
///
/// ```json
/// {"transaction_id":"t1","partition":3,"offset":17,"card":"c_9","event_time":"2026-11-21T07:00:00.123Z",
///  "decided_time":"2026-11-21T07:00:00.131Z","verdict":"potential_fraud","action":"review","score":0.912000,
///  "reasons":["CARD_VELOCITY"],"flags":["degraded"],"bundle":"<32 hexadecimal digits>","features":{"name":1.5}}
/// ```
/// Behind `bundle` comes `"list_version":12`, once there have been hot items of lists.
public struct DecisionText: Sendable {
  /// Header of the CSV form, with its line end. Reasons and flags are joined by `|`; features stand in NDJSON only. An empty list
  /// version is one that NDJSON leaves out.
  public static let csvHeader =
    "transaction_id,partition,offset,card,event_time,decided_time,verdict,action,score,reasons,flags,bundle,list_version\n"

  private let bundle: BundleID
  /// Quoted and escaped reason codes, and as CSV text.
  private let reasons: [[UInt8]]
  private let reasonCells: [[UInt8]]
  private let reasonBytesMax: Int
  /// `"name":` each.
  private let featureKeys: [[UInt8]]
  private let featureBytes: Int
  /// `["degraded","late"]` and `degraded|late` for each of the 256 values of the flags.
  private let flagLists: [[UInt8]]
  private let flagCells: [[UInt8]]

  public init(bundle: BundleID, reasons: [String], features: [String] = []) {
    self.bundle = bundle
    self.reasons = reasons.map { Self.quoted($0) }
    reasonCells = reasons.map { Array($0.utf8) }
    reasonBytesMax = self.reasons.reduce(0) { max($0, $1.count) }
    featureKeys = features.map { Self.quoted($0) + [UInt8(ascii: ":")] }
    featureBytes = featureKeys.reduce(0) { $0 + $1.count + 33 }
    let lists = (0...255).map { bits in
      let flags = Decision.Flags(rawValue: UInt8(bits))
      return Decision.Flags.names.filter { flags.contains($0.0) }.map(\.1)
    }
    flagLists = lists.map { names in Array("[\(names.map { "\"\($0)\"" }.joined(separator: ","))]".utf8) }
    flagCells = lists.map { Array($0.joined(separator: "|").utf8) }
  }

  /// Appends one line with its line feed.
  public func appendJSON(_ fields: borrowing DecisionFields, to out: inout [UInt8]) {
    let featureCount = fields.features.count
    precondition(featureCount == 0 || featureCount == featureKeys.count, "features belong to another bundle")
    let bound =
      512 + 6 * (fields.transactionID.byteCount + fields.card.byteCount) + 4 * reasonBytesMax
      + flagLists[255].count + (featureCount > 0 ? featureBytes : 0)
    // Copies of the borrowed parts, for a closure can't capture what can't escape.
    let id = fields.transactionID
    let card = fields.card
    let features = fields.features
    let decision = fields.decision
    let listVersion = fields.listVersion
    out.appendText(bound: bound) { cursor in
      cursor.put("{\"transaction_id\":")
      cursor.put(quoted: id)
      cursor.put(",\"partition\":")
      cursor.put(decimal: UInt64(fields.partition.rawValue))
      cursor.put(",\"offset\":")
      cursor.put(decimal: fields.offset.rawValue)
      cursor.put(",\"card\":")
      cursor.put(quoted: card)
      cursor.put(",\"event_time\":")
      cursor.put(instant: fields.eventTime)
      cursor.put(",\"decided_time\":")
      cursor.put(instant: fields.decidedTime)
      cursor.put(",\"verdict\":\"")
      cursor.put(Self.name(decision.verdict))
      cursor.put("\",\"action\":\"")
      cursor.put(Self.name(decision.action))
      cursor.put("\",\"score\":")
      cursor.put(sixPlaces: Double(decision.score))
      cursor.put(",\"reasons\":[")
      for i in 0..<4 where decision.reasons[i] != Decision.noReason {
        if i > 0 { cursor.put(UInt8(ascii: ",")) }
        cursor.put(reasons[Int(decision.reasons[i])])
      }
      cursor.put("],\"flags\":")
      cursor.put(flagLists[Int(decision.flags.rawValue)])
      cursor.put(",\"bundle\":\"")
      cursor.put(hexadecimal: bundle.high)
      cursor.put(hexadecimal: bundle.low)
      cursor.put(UInt8(ascii: "\""))
      if listVersion > 0 {
        cursor.put(",\"list_version\":")
        cursor.put(decimal: listVersion)
      }
      if featureCount > 0 {
        cursor.put(",\"features\":{")
        for i in 0..<featureCount {
          if i > 0 { cursor.put(UInt8(ascii: ",")) }
          cursor.put(featureKeys[i])
          cursor.put(shortest: features[i])
        }
        cursor.put(UInt8(ascii: "}"))
      }
      cursor.put("}\n")
    }
  }

  /// Appends one row with its line feed; columns as in `csvHeader`.
  public func appendCSV(_ fields: borrowing DecisionFields, to out: inout [UInt8]) {
    let id = fields.transactionID
    let card = fields.card
    let decision = fields.decision
    let listVersion = fields.listVersion
    let bound = 512 + 2 * (id.byteCount + card.byteCount) + 4 * reasonBytesMax + flagCells[255].count
    out.appendText(bound: bound) { cursor in
      let comma = UInt8(ascii: ",")
      cursor.put(cell: id)
      cursor.put(comma)
      cursor.put(decimal: UInt64(fields.partition.rawValue))
      cursor.put(comma)
      cursor.put(decimal: fields.offset.rawValue)
      cursor.put(comma)
      cursor.put(cell: card)
      cursor.put(comma)
      cursor.put(bareInstant: fields.eventTime)
      cursor.put(comma)
      cursor.put(bareInstant: fields.decidedTime)
      cursor.put(comma)
      cursor.put(Self.name(decision.verdict))
      cursor.put(comma)
      cursor.put(Self.name(decision.action))
      cursor.put(comma)
      cursor.put(sixPlaces: Double(decision.score))
      cursor.put(comma)
      for i in 0..<4 where decision.reasons[i] != Decision.noReason {
        if i > 0 { cursor.put(UInt8(ascii: "|")) }
        cursor.put(reasonCells[Int(decision.reasons[i])])
      }
      cursor.put(comma)
      cursor.put(flagCells[Int(decision.flags.rawValue)])
      cursor.put(comma)
      cursor.put(hexadecimal: bundle.high)
      cursor.put(hexadecimal: bundle.low)
      cursor.put(comma)
      if listVersion > 0 { cursor.put(decimal: listVersion) }
      cursor.put(UInt8(ascii: "\n"))
    }
  }

  @inline(__always) private static func name(_ verdict: Decision.Verdict) -> StaticString {
    switch verdict {
    case .clear: "clear"
    case .potentialFraud: "potential_fraud"
    }
  }

  @inline(__always) private static func name(_ action: Decision.Action) -> StaticString {
    switch action {
    case .approve: "approve"
    case .review: "review"
    case .decline: "decline"
    }
  }

  private static func quoted(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    var out: [UInt8] = []
    out.appendText(bound: 6 * bytes.count + 2) { $0.put(quoted: bytes.span.bytes) }
    return out
  }
}
