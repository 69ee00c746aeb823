import Wire

/// What a worker counts of the exchange between partitions. One for each event loop, as `WorkerMetrics`. All of it is left out of the
/// text while no bundle has features of other entities than the card.
struct ExchangeMetrics: Sendable {
  private let sent: Counter
  private let sentAgain: Counter
  private let answered: Counter
  private let answeredLate: Counter
  private let heldBack: Counter
  /// By `DegradedReason`.
  private let degraded: [Counter]

  init(_ registry: MetricsRegistry) {
    func counter(_ name: String, _ help: String, _ labels: MetricLabels = .none) -> Counter {
      registry.counter("assay_\(name)_total", help, labels, isSparse: true)
    }
    sent = counter("exchange_sent", "Contributions to entities' partitions, sent for the first time.")
    sentAgain = counter("exchange_sent_again", "Contributions sent again, because no answer came or the partition has another primary.")
    answered = counter("exchange_answered", "Contributions that their entity's partition has answered.")
    answeredLate = counter("exchange_answered_late", "Contributions answered after the payment was decided without them.")
    heldBack = counter("exchange_held_back", "Contributions that a full window kept back, so that the payment was decided without them.")
    degraded = DegradedReason.allCases.map {
      counter("degraded", "Payments decided without features of an entity, by why they were missing.", ["reason": $0.name])
    }
  }

  func add(_ counts: ExchangeCounts) {
    sent.add(counts.sent)
    sentAgain.add(counts.sentAgain)
    answered.add(counts.answered)
    answeredLate.add(counts.answeredLate)
    heldBack.add(counts.heldBack)
  }

  func degraded(_ reason: DegradedReason, _ count: Int) { degraded[reason.rawValue].add(count) }
}
