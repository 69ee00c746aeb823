import ChaosSystem
import Glibc
import Synchronization

/// Steers the faults inside one server's process, through a file that both have mapped (see `ChaosFaults.c`). What is set
/// holds for the next process of that server too.
final class FaultControl: Sendable {
  let path: String
  private let mapped: Mutex<UnsafeMutablePointer<chaos_faults>>

  init(path: String) throws {
    self.path = path
    let size = MemoryLayout<chaos_faults>.size
    let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
    guard descriptor >= 0, ftruncate(descriptor, size) == 0,
      let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), memory != MAP_FAILED
    else { throw ChaosError("can't map \(path): \(String(cString: strerror(errno)))") }
    close(descriptor)
    mapped = Mutex(memory.assumingMemoryBound(to: chaos_faults.self))
  }

  /// Has the process read it at its next sync or look at the clock.
  func set(_ change: (inout chaos_faults) -> Void) { mapped.withLock { change(&$0.pointee) } }
}
