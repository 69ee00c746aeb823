import Glibc

/// How the system shares the processors out among a process's threads.
public enum ThreadScheduling {
  // Linux's SCHED_OTHER and SCHED_BATCH, macros that Swift does not see (sched(7)).
  private static let other: CInt = 0
  private static let batch: CInt = 3

  /// A thread of this process that wakes up takes no running one's processor away; its share of time stays the same. For a process
  /// that works in bursts of many small steps: each then ends what it has begun, and what came meanwhile is taken together. Needs no
  /// right; threads that start later do as well. Where an operator has chosen something else, that stays.
  /// - Returns: whether the system agreed for every thread.
  @discardableResult public static func preferBatches() -> Bool {
    guard let threads = opendir("/proc/self/task") else { return false }
    defer { closedir(threads) }
    var isAgreed = true
    while let entry = readdir(threads) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
        name.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: name.pointee)) { String(cString: $0) }
      }
      guard let thread = pid_t(name) else { continue }
      guard sched_getscheduler(thread) == other else { continue }
      var parameter = sched_param()
      // One that has ended meanwhile needs nothing.
      if sched_setscheduler(thread, batch, &parameter) != 0, errno != ESRCH { isAgreed = false }
    }
    return isAgreed
  }

  /// Takes the calling thread out of it again: somebody waits for what it does next.
  public static func preferPromptness() {
    guard sched_getscheduler(0) == batch else { return }
    var parameter = sched_param()
    _ = sched_setscheduler(0, other, &parameter)
  }
}
