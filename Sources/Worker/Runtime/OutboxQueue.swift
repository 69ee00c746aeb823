import Glibc
import Wire

/// What has been given to the outbox and not been written yet: filled under the lock, drained by the outbox's thread
/// while a second one fills.
final class OutboxQueue {
  var decisions = ByteHeap()
  var alerts = ByteHeap()
  var quarantine = ByteHeap()
  var ends: [(PartitionID, Offset)] = []
  /// Whoever waits for the quarantined rows in here to be on disk.
  var quarantined: [@Sendable (OutboxError?) -> Void] = []
  /// Whoever waits for everything up to here to be in closed files.
  var rotations: [@Sendable (OutboxError?) -> Void] = []

  func bytes(of kind: OutboxKind) -> UnsafeRawBufferPointer {
    switch kind {
    case .decisions: decisions.bytes
    case .alerts: alerts.bytes
    case .quarantine: quarantine.bytes
    }
  }

  var bytes: Int { decisions.count + alerts.count + quarantine.count }
  var isEmpty: Bool { bytes == 0 && ends.isEmpty && quarantined.isEmpty && rotations.isEmpty }

  func clear() {
    decisions.clear()
    alerts.clear()
    quarantine.clear()
    ends.removeAll(keepingCapacity: true)
    quarantined.removeAll()
    rotations.removeAll()
  }
}

/// Bytes in memory that keeps its size when it is emptied.
struct ByteHeap: ~Copyable {
  private(set) var count = 0
  private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  deinit { memory.deallocate() }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[0..<count]) }

  mutating func append(_ more: UnsafeRawBufferPointer) {
    guard let base = more.baseAddress, !more.isEmpty else { return }
    if count + more.count > memory.count {
      let larger = UnsafeMutableRawBufferPointer.allocate(
        byteCount: max(2 * memory.count, count + more.count, 64 * 1024), alignment: 16)
      if count > 0 { larger.copyMemory(from: bytes) }
      memory.deallocate()
      memory = larger
    }
    memory.baseAddress!.advanced(by: count).copyMemory(from: base, byteCount: more.count)
    count += more.count
  }

  mutating func clear() { count = 0 }
}
