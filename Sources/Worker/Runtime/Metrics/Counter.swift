import Synchronization

/// A number that only rises. Adding is one relaxed atomic instruction; each event loop has cells of its own, so that
/// no cache line moves between cores, and the registry sums them when it is asked.
public final class Counter: Sendable {
  private let count = Atomic<UInt64>(0)

  init() {}

  @inline(__always) public func add(_ amount: Int = 1) {
    assert(amount >= 0, "a counter never falls")
    count.wrappingAdd(UInt64(truncatingIfNeeded: amount), ordering: .relaxed)
  }

  public var value: UInt64 { count.load(ordering: .relaxed) }
}

/// A number that rises and falls, kept by whoever owns what it counts. Cells of equal name and labels are summed.
public final class Gauge: Sendable {
  private let level = Atomic<Int>(0)

  init() {}

  public func set(_ value: Int) { level.store(value, ordering: .relaxed) }
  public func add(_ amount: Int) { level.wrappingAdd(amount, ordering: .relaxed) }
  public var value: Int { level.load(ordering: .relaxed) }
}
