import Glibc

/// Batches that wait to be written, in one piece of memory that is reused: filled by appenders under the intake lock,
/// written by the journal thread while a second one fills.
///
/// A block header's length stands free in front of the first byte, and a page behind the last, so that a block is one
/// write without a copy.
final class JournalGather {
  private(set) var count = 0
  private(set) var lengths: [Int] = []
  /// Ticket of the first batch.
  var first = JournalTicket.none
  private var memory: UnsafeMutableRawPointer
  private var capacity: Int

  init(capacity: Int = 1024 * 1024) {
    self.capacity = capacity
    memory = Self.allocate(capacity)
    lengths.reserveCapacity(256)
  }

  deinit { memory.deallocate() }

  private static func allocate(_ capacity: Int) -> UnsafeMutableRawPointer {
    .allocate(byteCount: JournalBlock.headerSize + capacity + JournalBlock.alignment, alignment: 16)
  }

  func append(_ batch: UnsafeRawBufferPointer) {
    if count + batch.count > capacity { grow(to: count + batch.count) }
    memory.advanced(by: JournalBlock.headerSize + count).copyMemory(from: batch.baseAddress!, byteCount: batch.count)
    count += batch.count
    lengths.append(batch.count)
  }

  private func grow(to needed: Int) {
    var wanted = capacity
    while wanted < needed { wanted *= 2 }
    let larger = Self.allocate(wanted)
    larger.copyMemory(from: memory, byteCount: JournalBlock.headerSize + count)
    memory.deallocate()
    memory = larger
    capacity = wanted
  }

  func clear() {
    count = 0
    lengths.removeAll(keepingCapacity: true)
  }

  /// Memory of one block whose records are the bytes `range`, with room for its header in front, and padded to whole
  /// pages where nothing else follows. What stands in front of `range` must have been written already: the header
  /// takes its place.
  func block(_ range: Range<Int>) -> (block: UnsafeMutableRawBufferPointer, padded: Int) {
    let length = JournalBlock.headerSize + range.count
    let start = memory.advanced(by: range.lowerBound)
    let padded = range.upperBound == count ? JournalBlock.aligned(length) : length
    memset(start.advanced(by: length), 0, padded - length)
    return (UnsafeMutableRawBufferPointer(start: start, count: length), padded)
  }
}
