import Models
import Wire

/// Split and merge (R12): what a sealed partition hands to those that take its place.
extension PartitionState {
  /// Birth takes the first offset of a child's log; its own entries follow.
  static var birthEnd: Offset { Offset(1) }

  /// The part of this state whose keys lie in `range`, as a copy. The bundles are all of them, so that the dedup
  /// entries' indices hold. Cursors and offsets are those of a child whose log begins.
  ///
  /// X5: of what it owes to others nothing is left by then; a child begins without.
  func part(_ range: KeyRange) -> PartitionState {
    let part = copy(range)
    part.abandonIntakes()
    return part
  }

  private func copy(_ range: KeyRange) -> PartitionState {
    let part = PartitionState(dedupHorizon: dedupHorizon)
    if !planted(.splitWithoutDuplicates) { part.dedup = dedup.part(range) }
    if entities != nil { part.entities = entities!.part(range) }
    part.foreign = foreign.part(range)
    part.accounts = accounts.part(range)
    part.home = home
    part.bundles = bundles
    part.prepared = prepared
    part.hot = hot.copy()
    part.loggedTime = loggedTime
    part.applied = Self.birthEnd
    return part
  }

  /// R6: the whole state as the log makes it, with what may not have committed, as that of a partition whose log begins.
  /// This one stays as it is.
  func forcedPart(
    _ range: KeyRange, applying uncommitted: some Sequence<HeldRecord>, bundle: (BundleID) -> Bundle?
  ) throws(ApplyError) -> PartitionState {
    let part = copy(range)
    part.applied = applied
    for held in uncommitted where held.header.endOffset > applied {
      let failure: ApplyError? = held.chunk.withRecord(held.range) { record in
        do throws(ApplyError) {
          try part.apply(held.header, record, bundle: bundle)
          return nil
        } catch {
          return error
        }
      }
      if let failure { throw failure }
    }
    part.abandonIntakes()
    part.seal = nil
    part.sinkCursor = .zero
    part.applied = Self.birthEnd
    // Its log is another: offsets of the old one mean nothing there, and would be waited for.
    part.decidedEnd = .zero
    part.accounts = part.accounts.part(range)
    return part
  }

  /// R6: after a forced election nobody decides under the old id any more, and what it owed is lost with that. A transaction that
  /// was undecided is new when it comes again.
  private func abandonIntakes() {
    guard !home.isEmpty else { return }
    var undecided: Set<Fingerprint> = []
    for intake in home.unfinished where !intake.isDecided {
      intake.transaction.withUnsafeBytes { bytes in
        let transaction = TransactionView(trusted: RawSpan(_unsafeBytes: bytes))
        undecided.insert(Fingerprint(id: transaction.id, card: transaction.keyHash))
      }
    }
    dedup = dedup.part(KeyRange.tiles(1)[0], omitting: undecided)
    home = HomeLedger()
  }

  /// The state of a child, from the parts of its parents in the order of their ranges. The bundle that decides is that of
  /// the first that has one; the child's primary switches to the cluster's as any other does (S1).
  static func merged(_ parts: [PartitionState]) -> PartitionState {
    parts.dropFirst().reduce(parts[0]) { $0.merged(with: $1) }
  }

  private func merged(with other: PartitionState) -> PartitionState {
    let child = PartitionState(dedupHorizon: dedupHorizon)
    // The one that decides comes last: its parent's list keeps its order behind the other's.
    let (first, second) = bundle == nil ? (self, other) : (other, self)
    var all: [Bundle] = []
    for bundle in first.bundles where !all.contains(where: { $0.id == bundle.id }) { all.append(bundle) }
    all.removeAll { known in second.bundles.contains { $0.id == known.id } }
    all += second.bundles
    func indices(_ bundles: [Bundle]) -> [UInt32] { bundles.map { bundle in UInt32(all.lastIndex { $0.id == bundle.id }!) } }
    child.bundles = all
    child.dedup = DedupTable.merged(dedup, other.dedup, bundleOfA: indices(bundles), bundleOfB: indices(other.bundles))
    child.entities = Self.merge(entities.take(), other.entities.take())
    child.foreign = ForeignEntities.merged(foreign, other.foreign)
    child.prepared = Array(
      (first.prepared + second.prepared.filter { own in !first.prepared.contains { $0.id == own.id } })
        .filter { $0.id != second.bundle?.id }.suffix(Self.preparedMax))
    // The parents may have stood at different bundles.
    child.foreign.follow(child.sideBySide)
    child.accounts = EntityLedger.merged(accounts, other.accounts)
    // Versions are of one sequence: the newer one has whatever the older one has.
    child.hot = (hot.version >= other.hot.version ? hot : other.hot).copy()
    child.applied = Self.birthEnd
    child.advance(to: max(loggedTime, other.loggedTime))
    return child
  }

  /// The parts are copies of nobody's any more, so their tables may be taken apart.
  private static func merge(_ a: consuming EntityTable?, _ b: consuming EntityTable?) -> EntityTable? {
    guard var merged = a else { return b }
    if let b { merged.absorb(b) }
    return merged
  }
}
