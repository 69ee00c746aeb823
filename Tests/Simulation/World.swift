import DequeModule
import Wire

@testable import Worker

/// Simulated time and everything that is to happen in it. One thread; one seed, one run.
///
/// Whatever happens belongs to a process (or to nobody: the network, the nemesis), and does not happen once that process is
/// dead, or not until it goes on where it is stopped.
final class World {
  /// The one that runs now: hooks in the code under test have no other way to it.
  nonisolated(unsafe) static var current: World!

  nonisolated(unsafe) private static var graveyard: [() -> Void] = []

  /// Something that is to happen, once. A class, so that it can be called off.
  final class Event {
    let owner: Process?
    let incarnation: Int
    var body: (() -> Void)?
    /// What is due where it never happens.
    var dropped: (() -> Void)?

    func ignore() {}

    func drop() {
      // A plain closure may hold a promise that nobody keeps any more; NIO's debug checks must not see it go.
      if dropped == nil, let body { World.graveyard.append(body) }
      body = nil
      let dropped = dropped
      self.dropped = nil
      dropped?()
    }

    init(_ owner: Process?, _ body: @escaping () -> Void) {
      self.owner = owner
      incarnation = owner?.incarnation ?? 0
      self.body = body
    }
  }

  private struct Entry {
    var time: UInt64
    var number: UInt64
    var event: Event
  }

  let seed: UInt64
  var random: Random
  private(set) var now: UInt64 = .seconds(1_000)
  /// Events so far: what a failure names as its step.
  private(set) var steps: UInt64 = 0
  /// Of everything that happened: equal for two runs of one seed.
  private(set) var trace: UInt64 = 0
  private(set) var violation: String?
  /// Whose event runs now.
  private(set) var process: Process?
  let threads = Threads()
  private var heap: [Entry] = []
  private var ready = Deque<Event>()
  private var number: UInt64 = 0
  var isVerbose = false

  init(seed: UInt64) {
    self.seed = seed
    random = Random(seed: seed)
    heap.reserveCapacity(1024)
  }

  // MARK: Time

  /// Wall clock of the process that runs now, ms since the Unix epoch: its own may be wrong.
  var wall: Int64 { Self.start + Int64(now / 1_000_000) + outages + (process?.skew ?? 0) }
  /// Time that has passed while all workers were down, and that nothing else was done in; ms.
  var outages: Int64 = 0
  static let start: Int64 = 1_790_000_000_000

  @discardableResult
  func at(_ time: UInt64, _ owner: Process?, _ body: @escaping () -> Void) -> Event {
    let event = Event(owner, body)
    schedule(event, at: time)
    return event
  }

  @discardableResult
  func after(_ delay: UInt64, _ owner: Process?, _ body: @escaping () -> Void) -> Event { at(now + delay, owner, body) }

  func schedule(_ event: Event, at time: UInt64) {
    if time <= now { return ready.append(event) }
    number += 1
    push(Entry(time: time, number: number, event: event))
  }

  /// Lets time pass until `end`, or until something is found wrong.
  func run(until end: UInt64) {
    while violation == nil {
      if let event = ready.popFirst() {
        perform(event)
        continue
      }
      guard let first = heap.first, first.time <= end else { break }
      now = first.time
      perform(pop())
    }
    now = max(now, end)
  }

  private func perform(_ event: Event) {
    guard let body = event.body else { return }
    if let owner = event.owner {
      guard owner.isAlive, owner.incarnation == event.incarnation else {
        return event.drop()
      }
      if owner.isStopped { return owner.backlog.append(event) }
    }
    event.body = nil
    event.dropped = nil
    steps &+= 1
    mix(now &+ UInt64(event.owner?.id ?? 255))
    process = event.owner
    body()
    process = nil
  }

  /// What is done in the name of a process outside of its own events: its start and its end.
  func run<R>(as owner: Process, _ body: () throws -> R) rethrows -> R {
    let before = process
    process = owner
    defer { process = before }
    return try body()
  }

  /// Forgets everything that is to happen.
  func end() {
    // What is dropped may plan anew.
    while !ready.isEmpty || !heap.isEmpty {
      let left = Array(ready) + heap.map(\.event)
      ready.removeAll()
      heap.removeAll()
      for event in left { event.drop() }
    }
  }

  // MARK: What is seen

  func mix(_ word: UInt64) {
    trace = (trace ^ word) &* 0x9E37_79B9_7F4A_7C15
    trace ^= trace >> 29
  }

  func mix(_ bytes: UnsafeRawBufferPointer) { mix(hash64(bytes, seed: 0)) }

  /// An invariant is broken: the run ends here.
  func fail(_ text: @autoclosure () -> String) {
    if violation == nil { violation = text() }
  }

  func note(_ text: @autoclosure () -> String) {
    guard isVerbose else { return }
    let milliseconds = (now - .seconds(1_000)) / 1_000_000
    print("\(milliseconds / 1000).\(String(1000 + milliseconds % 1000).dropFirst()) \(process?.name ?? "-"): \(text())")
  }

  // MARK: Heap

  private func precedes(_ a: Entry, _ b: Entry) -> Bool { a.time != b.time ? a.time < b.time : a.number < b.number }

  private func push(_ entry: Entry) {
    heap.append(entry)
    var index = heap.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      guard precedes(heap[index], heap[parent]) else { break }
      heap.swapAt(index, parent)
      index = parent
    }
  }

  private func pop() -> Event {
    let event = heap[0].event
    let last = heap.removeLast()
    guard !heap.isEmpty else { return event }
    heap[0] = last
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count && precedes(heap[child], heap[least]) { least = child }
      if least == index { return event }
      heap.swapAt(index, least)
      index = least
    }
  }
}
