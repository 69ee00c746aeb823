import Synchronization
import Wire

/// How the log's disk does: whether it owes an answer, and how long its syncs take. The journal's thread tells; anybody
/// asks, also while that thread is stuck in the kernel.
final class DiskWatch: Sendable {
  /// Syncs remembered, and for how long: nanoseconds.
  private static let kept = 64
  private static let horizon: UInt64 = 5_000_000_000

  private struct Sync {
    var ended: UInt64
    var microseconds: UInt32
  }

  private struct Ring {
    var syncs: [Sync] = []
    var next = 0
  }

  /// Monotonic nanoseconds at which the call that is under way began; 0 while there is none.
  private let since = Atomic<UInt64>(0)
  private let ring = Mutex(Ring())
  /// Counts every sync, in nanoseconds. Set before the journal starts.
  nonisolated(unsafe) var histogram: Histogram?

  /// A call that may take as long as the disk likes.
  @inline(__always)
  func watch<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    since.store(monotonicNanoseconds(), ordering: .relaxed)
    defer { since.store(0, ordering: .relaxed) }
    return try body()
  }

  @inline(__always)
  func watchSync<E: Error>(_ body: () throws(E) -> Void) throws(E) {
    let began = monotonicNanoseconds()
    try watch(body)
    let now = monotonicNanoseconds()
    histogram?.observe(now - began)
    let sync = Sync(ended: now, microseconds: UInt32(clamping: (now - began) / 1_000))
    ring.withLock { ring in
      if ring.syncs.count < Self.kept {
        ring.syncs.append(sync)
      } else {
        ring.syncs[ring.next] = sync
        ring.next = (ring.next + 1) % Self.kept
      }
    }
  }

  /// For how long the disk has owed an answer, ms.
  var stalledMilliseconds: UInt32 {
    let began = since.load(ordering: .relaxed)
    let now = monotonicNanoseconds()
    return began == 0 || now < began ? 0 : UInt32(clamping: (now - began) / 1_000_000)
  }

  var report: HealthReport.Disk {
    let oldest = monotonicNanoseconds().subtractingReportingOverflow(Self.horizon)
    let times = ring.withLock { ring in
      ring.syncs.filter { oldest.overflow || $0.ended >= oldest.partialValue }.map(\.microseconds)
    }.sorted()
    guard !times.isEmpty else { return HealthReport.Disk(stalledMilliseconds: stalledMilliseconds) }
    return HealthReport.Disk(
      stalledMilliseconds: stalledMilliseconds, syncs: UInt32(times.count), medianMicroseconds: times[times.count / 2],
      p99Microseconds: times[min(times.count - 1, times.count * 99 / 100)])
  }
}
