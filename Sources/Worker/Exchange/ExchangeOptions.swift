/// What an operator may set of a home's side of the exchange.
public struct ExchangeOptions: Equatable, Sendable {
  /// X4: how long a payment waits for other partitions' answers, ms. Whoever drives the exchange looks every 10 ms.
  public var deadline: Int64 = 100
  /// X3: how many offsets a partition may be ahead of what it has settled with another. The other side admits `ExchangeWindow.size`, in
  /// every version that there was, so it can be set lower and not higher.
  public var window = ExchangeWindow.size

  public static let deadlines: ClosedRange<Int64> = 10...10_000
  public static let windows: ClosedRange<Int64> = 256...Int64(ExchangeWindow.size)

  public init() {}
}
