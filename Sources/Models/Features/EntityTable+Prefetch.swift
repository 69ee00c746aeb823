import CKernels
import Wire

extension EntityTable {
  /// Asks for the index slot of one card. Useful some hundred nanoseconds before `observe`.
  @inline(__always) public func prefetch(keyHash: KeyHash) { index.prefetch(keyHash) }

  /// Brings near what `observe` will touch for each of these cards: index slots, then headers, then the blocks' ends
  /// where events are added. Each stage waits for the one before, for all cards at once. Call it for a batch of 16 to
  /// 64 right before observing them; more would push each other out of the cache.
  public func prefetch(_ keyHashes: UnsafeBufferPointer<KeyHash>) {
    for hash in keyHashes { index.prefetch(hash) }
    withUnsafeTemporaryAllocation(of: Int.self, capacity: keyHashes.count) { numbers in
      for (row, hash) in keyHashes.enumerated() {
        let mixed = KeyIndex.mix(hash)
        var position = index.home(mixed)
        let number = index.candidate(mixed, &position) ?? -1
        numbers[row] = number
        if number >= 0 { assay_prefetch(slab.header(number)) }
      }
      for number in numbers where number >= 0 { prefetchBlock(slab.header(number)) }
    }
  }

  private func prefetchBlock(_ header: UnsafeMutablePointer<EntityHeader>) {
    let block = header.pointee.block
    let capacity = Int(header.pointee.capacity)
    let end = Int(header.pointee.end)
    let width = header.pointee.isWide ? 8 : 4
    let state = plan.bitmapsOffset(tokenLength: Int(header.pointee.tokenLength))
    let columns = block + state + plan.bitmapCount * Bitmap.wordCount(capacity) * 8
    let times = columns + capacity * plan.timesOffset
    let codes = times + capacity * 2 * width
    // State, token and bitmaps; then where times and amounts end, which is also where short windows begin.
    var line = block
    while line < columns {
      assay_prefetch(line)
      line += 64
    }
    if times - block + capacity * 2 * width <= 512 {
      while line < codes {
        assay_prefetch(line)
        line += 64
      }
    } else {
      assay_prefetch(times + (end - 1) * width)
      assay_prefetch(times + (end - 1) * width - 64)
      assay_prefetch(times + (capacity + end) * width)
      assay_prefetch(times + Int(header.pointee.start) * width)
    }
    for column in plan.columns {
      let offset = header.pointee.isWide ? column.wideOffset : column.narrowOffset
      assay_prefetch(columns + capacity * offset + end * column.width)
    }
  }
}
