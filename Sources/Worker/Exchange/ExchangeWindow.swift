import Wire

/// How far a home partition may be ahead of what it has settled with another (X3): the other keeps at most this many
/// intakes' replies of it.
public enum ExchangeWindow {
  /// Offsets. At 2,500 transactions/s in a partition, three seconds.
  public static let size = 8_192

  @inline(__always) static func admits(_ offset: Offset, settled: Offset, size: Int) -> Bool {
    offset.rawValue < settled.rawValue + UInt64(size) || planted(.ignoreWindow)
  }
}
