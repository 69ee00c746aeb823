import Synchronization
import Wire

/// Where in the journal a partition's offsets lie, roughly: a place every few megabytes, so that a read for a follower
/// begins near what it wants.
final class LogIndex: Sendable {
  struct First: Sendable {
    var partition: PartitionID
    var base: Offset
  }

  private struct Mark {
    var base: Offset
    var position: JournalPosition
  }

  private struct State {
    var marks: [PartitionID: [Mark]] = [:]
    /// Chunks that one side has told of, waiting for the other.
    var handed: [UInt64: [First]] = [:]
    var written: [UInt64: JournalPosition] = [:]
  }

  /// Journal bytes between two chunks that are told of.
  static let spacing = 4 * 1024 * 1024
  private let state = Mutex(State())

  /// A record read at recovery; called for one every `spacing` bytes or so.
  func add(_ partition: PartitionID, _ base: Offset, at position: JournalPosition) {
    state.withLock { Self.add(&$0, First(partition: partition, base: base), position) }
  }

  /// The journal has taken a chunk; `firsts` are the partitions in it with their first offsets.
  func handed(_ ticket: UInt64, _ firsts: [First]) {
    state.withLock { state in
      if let position = state.written.removeValue(forKey: ticket) {
        for first in firsts { Self.add(&state, first, position) }
      } else {
        state.handed[ticket] = firsts
      }
    }
  }

  /// The journal says where its chunks begin. May come before `handed`: the newest few are kept.
  func written(_ chunks: UnsafeBufferPointer<JournalWritten>) {
    state.withLock { state in
      for chunk in chunks {
        if let firsts = state.handed.removeValue(forKey: chunk.ticket.rawValue) {
          for first in firsts { Self.add(&state, first, chunk.position) }
        } else {
          state.written[chunk.ticket.rawValue] = chunk.position
          state.written.removeValue(forKey: chunk.ticket.rawValue &- 256)
        }
      }
    }
  }

  /// A place at or before which every record from `offset` on begins; nil for the journal's beginning.
  func start(of partition: PartitionID, from offset: Offset) -> JournalPosition? {
    state.withLock { $0.marks[partition]?.last { $0.base <= offset }?.position }
  }

  /// Segments below are gone.
  func forget(below segment: UInt32) {
    state.withLock { state in
      for partition in state.marks.keys { state.marks[partition]!.removeAll { $0.position.segment < segment } }
    }
  }

  private static func add(_ state: inout State, _ first: First, _ position: JournalPosition) {
    // After a truncation offsets come again: marks at or above them point to void records.
    state.marks[first.partition, default: []].removeAll { $0.base >= first.base }
    state.marks[first.partition]!.append(Mark(base: first.base, position: position))
  }
}
