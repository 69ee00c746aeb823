import NIOCore
import Wire

/// A batch that came by HTTP, seen through every failover that is over before its deadline: its rows go where the newest
/// map says, again and again with the first-sent time, and each is decided once, for the dedup table knows it. Confined to
/// the loop that got it.
final class PatientCall {
  /// Another worker that is silent for this long is asked again, if the map still names it; doubled each time. Its link may
  /// have died without a word.
  private static let patienceMin: Int64 = 500_000_000

  private unowned let loop: WorkerLoop
  private let submit: Submit
  private let payload: [UInt8]
  private let ranges: [Range<Int>]
  private let received = monotonicNanoseconds()
  private var batch: PatientBatch
  /// The rows under way, and their places.
  private var current: (gathering: Gathering, places: [Int])?
  private var timer: Scheduled<Void>?
  private var alarm: Scheduled<Void>?
  private var answer: ((Result<Decisions, Failure>) -> Void)?

  /// `payload` is a `Submit` message with the rows at `ranges`.
  init(
    _ loop: WorkerLoop, _ submit: Submit, _ payload: [UInt8], _ ranges: [Range<Int>],
    answer: @escaping (Result<Decisions, Failure>) -> Void
  ) {
    self.loop = loop
    self.submit = submit
    self.payload = payload
    self.ranges = ranges
    self.answer = answer
    let now = Int64(monotonicNanoseconds())
    batch = PatientBatch(
      rowCount: submit.rowCount, deadline: now + Int64(submit.deadlineMilliseconds) * 1_000_000,
      waitsWhileBusy: submit.flags.contains(.labels))
  }

  func begin() {
    attempt()
    guard answer != nil else { return }
    alarm = loop.eventLoop.scheduleTask(in: .milliseconds(Int64(submit.deadlineMilliseconds))) { self.late() }
  }

  /// A new map: what waits for its next try has no reason to wait any longer.
  func mapChanged() {
    batch.mapChanged()
    guard timer != nil else { return }
    timer?.cancel()
    timer = nil
    attempt()
  }

  private func attempt() {
    let places = batch.begin()
    if batch.tries > 1 { loop.metrics.httpRetried.add(places.count) }
    var part = submit.with(rowCount: places.count)
    part.deadlineMilliseconds = UInt32(clamping: max(1, (batch.deadline - Int64(monotonicNanoseconds())) / 1_000_000))
    var out = WireWriter(capacity: payload.count)
    part.write(rows: RawSpan(), to: &out)
    for place in places { out.bytes += payload[ranges[place]] }
    let patience = Self.patienceMin << Int64(min(batch.tries, 8) - 1)
    let gathering = Gathering(loop, part, source: .http, patience: patience) { self.came($0, places) }
    current = (gathering, places)
    if let failure = loop.gather(part, out.bytes, gathering) {
      current = nil
      // Before anything was tried, a worker that can't serve says why.
      if batch.tries == 1 { return finish(.failure(failure)) }
      var refused = Decisions.pending(rowCount: places.count)
      for index in refused.outcomes.indices { refused.outcomes[index].failure = failure.code }
      came(refused, places)
    }
  }

  private func came(_ part: Decisions, _ places: [Int]) {
    guard answer != nil else { return }
    current = nil
    let now = Int64(monotonicNanoseconds())
    switch batch.take(part, at: places, now: now, spread: .random(in: 0...1)) {
    case .done: finish(.success(batch.answer))
    case .again(let at):
      timer = loop.eventLoop.scheduleTask(in: .nanoseconds(at - now)) {
        self.timer = nil
        self.attempt()
      }
    case .late: break
    }
  }

  /// The deadline: what has an outcome by now is answered with it.
  private func late() {
    guard answer != nil else { return }
    if let (gathering, places) = current {
      _ = batch.take(gathering.answer, at: places, now: batch.deadline, spread: 0)
    }
    finish(.success(batch.expire()))
  }

  private func finish(_ result: Result<Decisions, Failure>) {
    guard let answer else { return }
    self.answer = nil
    current = nil
    timer?.cancel()
    timer = nil
    alarm?.cancel()
    alarm = nil
    loop.ended(self)
    if case .success(let decisions) = result { loop.count(decisions, of: submit, since: received) }
    answer(result)
  }
}
