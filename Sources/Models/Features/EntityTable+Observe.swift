import Wire

extension EntityTable {
  /// Adds a transaction to the history of its entity of this table's kind, and computes the features into `out`, in the
  /// feature set's order.
  ///
  /// The transaction is proven (`Schema.validate`) and has such an entity, `keyHash` is that entity's, `out` has room for
  /// all features.
  public mutating func observe(
    _ t: TransactionView, keyHash: KeyHash, into out: UnsafeMutableBufferPointer<Double>
  ) -> Observation {
    precondition(out.count >= plan.featureCount, "the vector has no room for all features")
    let plan = plan
    let vector = out.baseAddress.unsafelyUnwrapped
    event.decode(t, hashedFields: plan.hashedFields, coordinates: plan.coordinates, geo: plan.geo)
    var result: Observation = []
    let token = plan.kind == .card ? t.card : t.token(EntitySlot(plan.kind))
    let number = token.withUnsafeBytes { token in
      let mixed = KeyIndex.mix(keyHash)
      if let known = find(token, mixed) { return known }
      result.insert(.firstEvent)
      return insert(token, mixed)
    }
    slab.touch(number, epoch: epoch)
    let header = slab.header(number)
    if let walk { walk.keep(number, header, summaries[number]) }
    if header.pointee.planSlot != planSlot { migrate(number, header) }

    let ring = Ring(header, plan)
    if ring.isEmpty || event.time >= ring.time(ring.end - 1) {
      observeInOrder(number, ring, plan, vector)
    } else {
      result.formUnion(observeOutOfOrder(number, ring, plan, vector))
    }
    if !plan.extraSteps.isEmpty { extraSteps(t, plan, vector) }
    if !plan.calendarSteps.isEmpty { calendarSteps(t, plan, vector) }
    // Last, as ratios read what the others wrote.
    ownSteps(plan, vector)

    // Events were dropped before the oldest one that is left: windows that reach further back lack them.
    if header.pointee.isTruncated {
      let ring = Ring(header, plan)
      if ring.time(ring.start) > event.time &- plan.exactReachMax { result.insert(.truncated) }
      // Features with a resolution lack only what was dropped before they were asked for.
      if plan.coarse != nil, summaries[number]?.missingUntil ?? .max > event.time &- plan.reachMax { result.insert(.truncated) }
    }
    if completeSince == .max { completeSince = event.time }
    if event.time > newestTime { newestTime = event.time }
    if event.time &- plan.reachMax < completeSince { result.insert(.warming) }
    return result
  }

  /// The transaction is the newest event of its card (ties included).
  @inline(__always)
  private mutating func observeInOrder(
    _ number: Int, _ found: Ring, _ plan: FeaturePlan, _ out: UnsafeMutablePointer<Double>
  ) {
    var ring = found
    ring.previousSteps(event, plan, out)
    ring.advance(to: event.time, plan)
    if ring.evict(newest: event.time, plan) { endTruncation(number, ring) }
    if ring.count == plan.eventsMax {
      summarizeOldest(number, ring, plan)
      ring.dropOldest(plan)
      ring.header.pointee.isTruncated = true
    }
    if ring.end == ring.capacity || !ring.fits(time: event.time, amount: event.amount) { makeRoom(&ring, plan) }
    ring.append(event, plan, scratch.replaced)
    ring.store()
    ring.windowSteps(event, plan, scratch.replaced, out)
    if plan.coarse != nil, ring.header.pointee.isTruncated {
      seeEvent(number, newest: event.time, plan)
      coarseSteps(number, ring, plan, out)
    }
  }

  /// W2: computed at its own time; within the allowed lateness it is inserted at its place.
  private mutating func observeOutOfOrder(
    _ number: Int, _ found: Ring, _ plan: FeaturePlan, _ out: UnsafeMutablePointer<Double>
  ) -> Observation {
    var ring = found
    for (number, filter) in plan.filters.enumerated() {
      let values = event.values
      scratch.matches[number] = plan.passes(filter, amount: event.amount) { values[Int($0.rawValue)] }
    }
    var position = ring.firstIndex(after: event.time)
    ring.stepsOutOfOrder(event, position: position, plan, scratch.matches, &seen, out)
    if plan.coarse != nil, ring.header.pointee.isTruncated { coarseStepsOutOfOrder(number, ring, position: position, plan, out) }

    let newest = ring.time(ring.end - 1)
    guard event.time >= newest - plan.allowedLateness else {
      lateCount += 1
      return [.late, .outOfOrder]
    }
    outOfOrderCount += 1
    if ring.count == plan.eventsMax {
      // As the oldest of too many it would be dropped at once.
      let isOldest = position == ring.start
      if isOldest { summarizeEvent(number, ring, plan) } else { summarizeOldest(number, ring, plan) }
      ring.header.pointee.isTruncated = true
      if isOldest {
        seeEvent(number, newest: newest, plan)
        return .outOfOrder
      }
      ring.dropOldest(plan)
    }
    if ring.end == ring.capacity || !ring.fits(time: event.time, amount: event.amount) {
      let before = ring.start
      makeRoom(&ring, plan)
      position -= before - ring.start
    }
    ring.insert(event, at: position, plan)
    if plan.coarse != nil, ring.header.pointee.isTruncated { seeEvent(number, newest: newest, plan) }
    if ring.evict(newest: newest, plan) { endTruncation(number, ring) }
    ring.store()
    return .outOfOrder
  }

  /// All that was dropped has left the windows.
  private mutating func endTruncation(_ number: Int, _ ring: Ring) {
    ring.header.pointee.isTruncated = false
    if !summaries.isEmpty { summaries[number] = nil }
  }

  // MARK: Room

  /// Makes `ring` one with room for the event at hand: by moving its events down, or into another block.
  ///
  /// Moving down is for a 32nd of the room at least, and a new block leaves that much free, so that either costs some
  /// 32 events' bytes for each event that comes.
  private mutating func makeRoom(_ ring: inout Ring, _ plan: FeaturePlan) {
    let fits = ring.fits(time: event.time, amount: event.amount)
    let isSparse = ring.capacity > 16 && (ring.count + 1) * 4 < ring.capacity
    if fits && ring.start >= max(1, ring.capacity / 32) && !isSparse {
      ring.compact(plan)
      return
    }
    let old = ring.header.pointee
    var header = old
    var base = ring.base
    if !fits && !ring.isEmpty {
      base = min(ring.time(ring.start), event.time)
      let span = max(ring.time(ring.end - 1), event.time) - base
      header.isWide = span > Int64(UInt32.max) || event.amount > Int64(Int32.max) || Self.hasWideAmount(ring)
    }
    header.capacity = UInt16(Self.capacity(for: ring.count + 1 + ring.count / 32))
    header.start = 0
    header.end = 0
    header.block = allocateBlock(
      plan, capacity: Int(header.capacity), tokenLength: Int(header.tokenLength), isWide: header.isWide)
    header.block.storeBytes(of: base, as: Int64.self)
    (header.block + plan.stateSize).copyMemory(from: ring.block + plan.stateSize, byteCount: Int(header.tokenLength))
    ring.header.pointee = header
    var moved = Ring(ring.header, plan)
    ring.copy(to: &moved, plan)
    freeBlock(plan, old)
    ring = moved
  }

  static func hasWideAmount(_ ring: Ring) -> Bool {
    ring.isWide && (ring.start..<ring.end).contains { ring.amount($0) > Int64(Int32.max) }
  }

  // MARK: Features that need no history

  @inline(__always) private func ownSteps(_ plan: FeaturePlan, _ out: UnsafeMutablePointer<Double>) {
    for step in plan.ownSteps {
      switch step.code {
      case .amount: out[step.output] = Double(event.amount)
      case .hour: out[step.output] = Double(Self.remainder(event.time, 86_400_000) / 3_600_000)
      case .dayOfWeek:
        // 1970-01-01 was a Thursday; Monday is 0.
        out[step.output] = Double(Self.remainder(event.time + 3 * 86_400_000, 7 * 86_400_000) / 86_400_000)
      case .code:
        let stored = event[step.field]
        out[step.output] = stored == 0 ? .nan : step.field.number(stored)
      case .ratio, .amountRatio:
        let divisor = out[step.divisor]
        let numerator = step.code == .ratio ? out[step.numerator] : Double(event.amount)
        out[step.output] = divisor == 0 || divisor.isNaN ? .nan : numerator / divisor
      default: preconditionFailure("not a step of the transaction itself")
      }
    }
  }

  /// Not negative, for times before 1970 too.
  @inline(__always) private static func remainder(_ value: Int64, _ modulus: Int64) -> Int64 {
    let remainder = value % modulus
    return remainder < 0 ? remainder + modulus : remainder
  }

  /// Extra fields that the record doesn't have are missing.
  private func extraSteps(_ t: TransactionView, _ plan: FeaturePlan, _ out: UnsafeMutablePointer<Double>) {
    for step in plan.extraSteps { out[step.output] = .nan }
    guard t.extraCount > 0 else { return }
    t.extras.withUnsafeBytes { bytes in
      var at = 0
      for _ in 0..<t.extraCount {
        let field = Int(bytes[at])
        let kind = ExtraField.Kind(rawValue: bytes[at + 1])
        at += 2
        let value: Double
        switch kind {
        case .number:
          value = Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
          at += 8
        case .integer:
          value = Double(Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: Int64.self)))
          at += 8
        case .flag:
          value = bytes[at] == 0 ? 0 : 1
          at += 1
        case .text, nil:
          value = .nan
          at += 1 + Int(bytes[at])
        }
        for step in plan.extraSteps where step.field == field { out[step.output] = value }
      }
    }
  }
}
