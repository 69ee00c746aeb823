import NIOCore
import NIOPosix
import Synchronization

@testable import Client
@testable import Wire

/// What the workers of a test have decided, as replication would keep it: by transaction id.
final class Ledger: Sendable {
  struct Entry {
    var offset: UInt64
    /// Wall clock, ms, when a frame brought it first.
    var arrived: Int64
    var deciding = 0
  }

  struct State {
    var entries: [String: Entry] = [:]
    /// Ids in the order in which they came first, with their cards.
    var order: [(id: String, card: String)] = []
    /// Ids that came again with a first-sent time after they had first come.
    var sentTooLate: [String] = []
    var quarantined: [Quarantine.Record] = []
    /// As they were sent, by transaction id.
    var labels: [String: Label] = [:]
  }

  let state = Mutex(State())

  var count: Int { state.withLock { $0.entries.count } }
}

/// A worker's double at the far end of real links: decides each transaction once, or does what the script says.
final class FakeWorker: LinkDelegate, @unchecked Sendable {
  enum Reply: Sendable {
    case decide
    /// Decided, but nobody hears of it: the link breaks first.
    case decideAndDrop
    case drop
    /// Says nothing until `release`.
    case hold
    case retry(FailureCode)
    case failure(Failure)
    case reject(Rejection)
  }

  let node: NodeID
  let ledger: Ledger
  private struct State {
    var script: @Sendable (Int) -> Reply = { _ in .decide }
    var frames = 0
    var held: [(Link, FrameHeader, [UInt8])] = []
    var links: [Link] = []
  }
  private let state = Mutex(State())
  private let listener: Mutex<LinkListener?> = Mutex(nil)

  init(_ number: UInt32, _ ledger: Ledger) {
    node = NodeID(number)
    self.ledger = ledger
  }

  var address: String { listener.withLock { $0!.address } }
  var frames: Int { state.withLock { $0.frames } }
  var heldCount: Int { state.withLock { $0.held.count } }

  /// `script` says what becomes of each `Submit` and `Quarantine` frame, counted from 1.
  func follow(_ script: @escaping @Sendable (Int) -> Reply) { state.withLock { $0.script = script } }

  func start() async throws {
    let identity = LinkIdentity(
      cluster: ClusterID(high: 0xA55A, low: 1), role: .node, name: "worker-\(node.rawValue)", node: node)
    let listener = try await LinkListener.bind(
      group: MultiThreadedEventLoopGroup.singleton, host: "127.0.0.1", port: 0, identity: { identity }
    ) { _ in self }
    self.listener.withLock { $0 = listener }
  }

  func stop() async {
    let listener = listener.withLock { $0 }
    await listener?.close()
    for link in state.withLock({ $0.links }) { link.eventLoop.execute { link.close() } }
  }

  /// Answers what was held, with decisions.
  func release() {
    let held = state.withLock { state in
      defer { state.held = [] }
      return state.held
    }
    for (link, header, payload) in held {
      link.eventLoop.execute { self.settle(payload.span.bytes, header, link) }
    }
  }

  // MARK: - Link

  func linkReady(_ link: Link) { state.withLock { $0.links.append(link) } }
  func linkReadComplete(_ link: Link) {}
  func linkWritable(_ link: Link, _ isWritable: Bool) {}
  func linkClosed(_ link: Link, reason: LinkError?) {}

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
    // The script runs outside the lock, for it may ask.
    let (frame, script) = state.withLock { state in
      state.frames += 1
      return (state.frames, state.script)
    }
    let reply = script(frame)
    if header.kind == .submit { note(payload) }
    switch reply {
    case .decide: settle(payload, header, link)
    case .decideAndDrop:
      if header.kind == .submit { _ = outcomes(payload) }
      link.close()
    case .drop: link.close()
    case .hold:
      let copy = payload.withUnsafeBytes { [UInt8]($0) }
      state.withLock { $0.held.append((link, header, copy)) }
    case .retry where header.kind == .quarantine, .reject where header.kind == .quarantine: settle(payload, header, link)
    case .retry(let code):
      answer(payload, header.correlation, link) { _ in
        var outcome = Decisions.Outcome(status: .retry)
        outcome.failure = code
        return outcome
      }
    case .reject(let rejection):
      answer(payload, header.correlation, link) { _ in
        var outcome = Decisions.Outcome(status: .rejected)
        outcome.rejection = rejection
        return outcome
      }
    case .failure(let failure): link.send(failure, correlation: header.correlation)
    }
  }

  // MARK: - Answers

  /// The first-sent time of a row sent again stays: by it the cluster knows that it is a retry.
  private func note(_ payload: RawSpan) {
    let submit = try! Submit(reading: payload)
    forEach(payload) { id, card in
      ledger.state.withLock { state in
        if let known = state.entries[id] {
          if submit.firstSent > known.arrived { state.sentTooLate.append(id) }
        } else {
          state.entries[id] = Ledger.Entry(offset: UInt64(state.order.count), arrived: ClientClock.wall())
          state.order.append((id, card))
        }
      }
    }
  }

  /// Decides rows, keeps unreadable records.
  private func settle(_ payload: RawSpan, _ header: FrameHeader, _ link: Link) {
    guard header.kind == .submit else { return keep(payload, header.correlation, link) }
    let answer = outcomes(payload)
    link.send(.decisions, correlation: header.correlation) { answer.write(to: &$0) }
  }

  private func outcomes(_ payload: RawSpan) -> Decisions {
    var all = table(payload)
    let isOfLabels = try! Submit(reading: payload).flags.contains(.labels)
    if isOfLabels { keepLabels(payload) }
    forEach(payload) { id, _ in
      let (offset, times) = ledger.state.withLock { state in
        state.entries[id]!.deciding += 1
        return (state.entries[id]!.offset, state.entries[id]!.deciding)
      }
      var outcome = Decisions.Outcome(status: times == 1 ? .decided : .duplicate)
      outcome.partition = PartitionID(1)
      outcome.offset = Offset(offset)
      if isOfLabels {
        outcome.status = times == 1 ? .applied : .alreadyApplied
        return all.outcomes.append(outcome)
      }
      let isAlert = id.hasSuffix("7")
      outcome.decision = Decision(
        score: isAlert ? 0.9 : 0.1, action: isAlert ? .review : .approve, verdict: isAlert ? .potentialFraud : .clear,
        flags: [], reasons: isAlert ? SIMD4(0, .max, .max, .max) : Decision.noReasons)
      outcome.features = all.bundles[0].features.isEmpty ? [] : [1.5, Double(offset)]
      all.outcomes.append(outcome)
    }
    return all
  }

  private func answer(
    _ payload: RawSpan, _ correlation: UInt64, _ link: Link, _ outcome: (String) -> Decisions.Outcome
  ) {
    var all = table(payload)
    forEach(payload) { id, _ in all.outcomes.append(outcome(id)) }
    link.send(.decisions, correlation: correlation) { all.write(to: &$0) }
  }

  private func table(_ payload: RawSpan) -> Decisions {
    let submit = try! Submit(reading: payload)
    var all = Decisions()
    all.bundles = [
      Decisions.BundleNames(
        id: BundleID(high: 1, low: 2), reasons: ["CARD_VELOCITY"],
        features: submit.flags.contains(.withFeatures) ? ["a", "b"] : [])
    ]
    return all
  }

  private func keep(_ payload: RawSpan, _ correlation: UInt64, _ link: Link) {
    let message = try! Quarantine(reading: payload)
    ledger.state.withLock { $0.quarantined += message.records }
    link.send(.quarantined, correlation: correlation) { Quarantined(count: UInt32(message.records.count)).write(to: &$0) }
  }

  private func keepLabels(_ payload: RawSpan) {
    var ranges: [Range<Int>] = []
    try! Submit(reading: payload).locateRows(in: payload, into: &ranges)
    for range in ranges {
      let row = payload.extracting(range)
      let id = Rows.text(TransactionView(trusted: Label.record(of: row)).id)
      ledger.state.withLock { $0.labels[id] = Label(of: row)! }
    }
  }

  private func forEach(_ payload: RawSpan, _ body: (String, String) -> Void) {
    let submit = try! Submit(reading: payload)
    var ranges: [Range<Int>] = []
    try! submit.locateRows(in: payload, into: &ranges)
    for range in ranges {
      let view = TransactionView(trusted: payload.extracting(range))
      body(Rows.text(view.id), Rows.text(view.card))
    }
  }
}

extension FakeWorker {
  /// For scripts: after what the present frame does.
  func releaseLater() { MultiThreadedEventLoopGroup.singleton.next().execute { self.release() } }
}
