/// What became of a file's rows so far, in the order of the file: exactly those of the acknowledged prefix.
public struct SubmitCounters: Codable, Equatable, Sendable {
  public var decided = 0
  /// The cluster had decided them before this submission: rows that stand in the file twice, or came by another way.
  public var alreadyDecided = 0
  /// Of the decided ones, both kinds, those called potential fraud.
  public var alerts = 0
  /// Lines that are no transactions, and are in the cluster's quarantine.
  public var quarantined = 0
  /// Of those, by the code of the reason. Progress files of before reasons were kept have none.
  public var unreadable: [String: Int] = [:]
  /// Transactions that the cluster refused, by the code of the reason.
  public var rejected: [String: Int] = [:]

  public init() {}

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    decided = try fields.decode(Int.self, forKey: .decided)
    alreadyDecided = try fields.decode(Int.self, forKey: .alreadyDecided)
    alerts = try fields.decode(Int.self, forKey: .alerts)
    quarantined = try fields.decode(Int.self, forKey: .quarantined)
    unreadable = try fields.decodeIfPresent([String: Int].self, forKey: .unreadable) ?? [:]
    rejected = try fields.decode([String: Int].self, forKey: .rejected)
  }

  public var rejectedTotal: Int { rejected.values.reduce(0, +) }
  /// Transactions of an id that was decided with other content.
  public var conflicts: Int { rejected["conflicting_duplicate"] ?? 0 }
  public var rows: Int { decided + alreadyDecided + quarantined + rejectedTotal }
}
