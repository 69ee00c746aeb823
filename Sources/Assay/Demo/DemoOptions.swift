/// What a demonstration does.
struct DemoOptions: Sendable {
  static let days = 30
  static let fraudRate = 0.01
  /// Thresholds: the shares of transactions to review or decline, and of these to decline.
  static let reviewShare = 0.01
  static let declineShare = 0.003

  var transactions: Int
  var workers: Int
  var partitions: Int
  var replicas: Int
  /// Transactions a second; nil is as fast as the cluster takes them.
  var rate: Double?
  var seed: UInt64
  var history: Int
  /// The cluster stays up afterwards.
  var keep: Bool
  var data: String
}
