import Glibc
import Wire

/// A value behind a lock, and a place to wait until it changes. For the few threads that may block (disk writers);
/// event loops only ever take the short lock.
final class Monitor<State>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var state: State

  init(_ state: State) {
    self.state = state
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  @inline(__always)
  func withLock<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  /// Changes the value and wakes everyone who waits.
  @inline(__always)
  func change<R>(_ body: (inout State) -> R) -> R {
    let result = withLock(body)
    wake()
    return result
  }

  func wake() {
    if let host = Blocking.host { return host.wake(ObjectIdentifier(self)) }
    pthread_cond_broadcast(condition)
  }

  /// Asks `body` again after each wake-up until it answers, or until `deadline` (monotonic nanoseconds) has passed.
  func wait<R>(until deadline: UInt64 = .max, _ body: (inout State) -> R?) -> R? {
    if let host = Blocking.host {
      while true {
        if let answer = withLock(body) { return answer }
        if host.wait(ObjectIdentifier(self), until: deadline) { return withLock(body) }
      }
    }
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let answer = body(&state) { return answer }
      if deadline == .max {
        pthread_cond_wait(condition, mutex)
      } else {
        var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { return body(&state) }
      }
    }
  }
}

/// Nanoseconds of a clock that never jumps. For timers; never for anything that is logged.
func monotonicNanoseconds() -> UInt64 { SystemClock.nanoseconds() }

/// Where threads and their waiting are simulated: the code that blocks stays the real one.
enum Blocking {
  /// Put in place before anything else runs; nil outside of the simulator.
  nonisolated(unsafe) static var host: (any BlockingHost)?
}

protocol BlockingHost: AnyObject {
  /// Comes back when the monitor is woken, or with true once the deadline has passed.
  func wait(_ monitor: ObjectIdentifier, until deadline: UInt64) -> Bool
  func wake(_ monitor: ObjectIdentifier)
  /// Runs `body` as a thread would; the number names it for `join`.
  func spawn(_ name: String, _ body: @escaping () -> Void) -> Int
  func join(_ thread: Int)
}

/// A thread of our own, for work that blocks. Joined exactly once.
final class BlockingThread: Sendable {
  private enum Thread: @unchecked Sendable {
    case system(pthread_t)
    case simulated(Int)
  }

  private let thread: Thread

  /// `name` is what the system's tools show: at most 15 bytes.
  init(name: String, _ body: @escaping @Sendable () -> Void) {
    if let host = Blocking.host {
      thread = .simulated(host.spawn(name, body))
      return
    }
    let box = Unmanaged.passRetained(
      Box {
        Self.nameSelf(name)
        body()
      })
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
    precondition(code == 0, "the system gives no more threads: \(String(cString: strerror(code)))")
    self.thread = .system(thread)
  }

  /// glibc's call for it is hidden from Swift. A thread without a name works as well.
  private static func nameSelf(_ name: String) {
    let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    _ = name.utf8CString.withUnsafeBytes { write(file, $0.baseAddress, min($0.count - 1, 15)) }
    close(file)
  }

  func join() {
    switch thread {
    case .system(let thread): pthread_join(thread, nil)
    case .simulated(let thread): Blocking.host?.join(thread)
    }
  }

  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}
