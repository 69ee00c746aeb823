import Coroutines

@testable import Worker

/// The threads of all processes, each on a stack of its own, one at a time and only where it waits or sleeps.
final class Threads: BlockingHost {
  private final class Thread {
    let number: Int
    let owner: Process
    let name: String
    let body: () -> Void
    var stack: OpaquePointer?
    var isDone = false
    /// What it waits for; nil while it sleeps or is to run.
    var monitor: ObjectIdentifier?
    var hasTimedOut = false
    /// Rises with each wait, so that an old alarm is known.
    var waits = 0
    var isQueued = false
    /// Looked at when its process ends.
    var deadline: UInt64 = .max

    init(_ number: Int, _ owner: Process, _ name: String, _ body: @escaping () -> Void) {
      self.number = number
      self.owner = owner
      self.name = name
      self.body = body
    }
  }

  private var threads: [Int: Thread] = [:]
  private var waiting: [ObjectIdentifier: [Thread]] = [:]
  private var last = 0
  private var running: Thread?

  private var world: World { World.current }
  var isInThread: Bool { running != nil }
  var count: Int { threads.count }

  // MARK: For the code under test

  func spawn(_ name: String, _ body: @escaping () -> Void) -> Int {
    guard let owner = world.process else { preconditionFailure("a thread belongs to a process") }
    last += 1
    let thread = Thread(last, owner, name, body)
    threads[last] = thread
    queue(thread, at: world.now)
    return last
  }

  func wait(_ monitor: ObjectIdentifier, until deadline: UInt64) -> Bool {
    guard let thread = running else { return waitOnLoop(monitor) }
    if !thread.owner.isAlive, deadline <= world.now { return true }
    thread.monitor = monitor
    thread.hasTimedOut = false
    thread.deadline = deadline
    waiting[monitor, default: []].append(thread)
    if deadline < .max {
      thread.waits += 1
      let wait = thread.waits
      world.at(max(deadline, world.now), thread.owner) { [unowned self] in
        guard thread.waits == wait, thread.monitor != nil else { return }
        forget(thread)
        thread.hasTimedOut = true
        resume(thread)
      }
    }
    yield()
    return thread.hasTimedOut
  }

  func wake(_ monitor: ObjectIdentifier) {
    guard let woken = waiting.removeValue(forKey: monitor) else { return }
    for thread in woken {
      thread.monitor = nil
      thread.waits += 1
      queue(thread, at: world.now)
    }
  }

  func join(_ number: Int) {
    // Only a process that ends joins its threads, from its main one.
    guard let thread = threads[number] else { return }
    drive(thread.owner) { thread.isDone }
  }

  // MARK: For the simulated disk

  /// Lets time pass for the thread that runs now; on a loop, where nothing may block, none passes.
  func sleep(_ delay: UInt64) {
    guard let thread = running, thread.owner.isAlive else { return }
    queue(thread, at: world.now + delay)
    yield()
  }

  // MARK: The end of a process

  /// Runs the threads of a process that is dead until `isOver`, or until none can go on: their calls fail at once, and so
  /// they end.
  func drive(_ owner: Process, until isOver: () -> Bool = { false }) {
    var rounds = 0
    while !isOver() {
      let own = threads.values.filter { $0.owner === owner && !$0.isDone }.sorted { $0.number < $1.number }
      guard !own.isEmpty else { return }
      rounds += 1
      if rounds > 2_000 { return }
      var moved = false
      for thread in own where !thread.isDone {
        if thread.monitor != nil {
          // One that waits for ever is woken only by somebody else.
          guard thread.deadline < .max else { continue }
          forget(thread)
          thread.hasTimedOut = true
        }
        moved = true
        resume(thread)
      }
      if !moved { return }
    }
  }

  /// Throws away what is left of a process: threads that would not end.
  func abandon(_ owner: Process) -> [String] {
    let left = threads.values.filter { $0.owner === owner }.sorted { $0.number < $1.number }
    for thread in left {
      forget(thread)
      threads[thread.number] = nil
      if let stack = thread.stack { coroutine_free(stack) }
    }
    return left.map(\.name)
  }

  // MARK: -

  private func queue(_ thread: Thread, at time: UInt64) {
    thread.waits += 1
    let wait = thread.waits
    world.at(time, thread.owner) { [unowned self] in
      guard thread.waits == wait, !thread.isDone else { return }
      resume(thread)
    }
  }

  private func forget(_ thread: Thread) {
    guard let monitor = thread.monitor else { return }
    waiting[monitor]?.removeAll { $0 === thread }
    if waiting[monitor]?.isEmpty == true { waiting[monitor] = nil }
    thread.monitor = nil
  }

  private func resume(_ thread: Thread) {
    precondition(running == nil, "one thread at a time")
    thread.waits += 1
    if thread.stack == nil {
      thread.stack = coroutine_make(
        { Unmanaged<Thread>.fromOpaque($0!).takeUnretainedValue().body() }, Unmanaged.passUnretained(thread).toOpaque())
    }
    running = thread
    let goesOn = coroutine_resume(thread.stack) != 0
    running = nil
    guard !goesOn else { return }
    thread.isDone = true
    coroutine_free(thread.stack)
    threads[thread.number] = nil
  }

  private func yield() {
    coroutine_yield()
  }

  /// A loop that would block: only where its process ends. Its threads go on meanwhile.
  private func waitOnLoop(_ monitor: ObjectIdentifier) -> Bool {
    guard let owner = world.process, !owner.isAlive else { preconditionFailure("an event loop blocks") }
    drive(owner)
    return true
  }
}
