import NIOCore

/// A connection's one timer. Moving its deadline further away costs nothing: an early alarm looks again.
struct HTTPTimer {
  private var alarm: Scheduled<Void>?
  private var alarmTime = NIODeadline.distantFuture

  /// Sees to it that `look` runs at `deadline`, or earlier; nil: it need not run.
  mutating func set(_ deadline: NIODeadline?, on eventLoop: any EventLoop, look: @escaping () -> Void) {
    guard let deadline else { return }
    guard alarm == nil || deadline < alarmTime else { return }
    alarm?.cancel()
    alarmTime = deadline
    alarm = eventLoop.assumeIsolated().scheduleTask(deadline: deadline, look)
  }

  /// To be called first by `look`.
  mutating func rang() { alarm = nil }

  mutating func cancel() {
    alarm?.cancel()
    alarm = nil
  }
}
