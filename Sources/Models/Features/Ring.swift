/// One entity's block of memory: running state, token and events, addressed through its feature plan.
///
/// All unsafe memory of the engine is read and written here. Layout, `capacity` events wide, with no pointers inside:
/// ```
/// base time i64 | totals | counts, edges u16 | token | pad to 8 | bitmaps | hashed columns u64 | times | amounts | codes
/// ```
/// Times are u32 ms after the base and amounts i32 while all fit, else both are 8 bytes ("wide"). Events are sorted by
/// (time, order of application) in `start..<end`; the front is dropped by moving `start`, and room at the front is won
/// back by moving the events down when the end is reached. That costs a bounded number of bytes an event, and keeps
/// every column contiguous, which scans and searches like better than a circle.
struct Ring {
  let header: UnsafeMutablePointer<EntityHeader>
  let block: UnsafeMutableRawPointer
  let bitmaps: UnsafeMutablePointer<UInt64>
  let bitmapWords: Int
  let columns: UnsafeMutableRawPointer
  let times: UnsafeMutableRawPointer
  let amounts: UnsafeMutableRawPointer
  let capacity: Int
  let isWide: Bool
  let base: Int64
  var start: Int
  var end: Int

  @inline(__always) init(_ header: UnsafeMutablePointer<EntityHeader>, _ plan: FeaturePlan) {
    self.header = header
    block = header.pointee.block
    capacity = Int(header.pointee.capacity)
    isWide = header.pointee.isWide
    start = Int(header.pointee.start)
    end = Int(header.pointee.end)
    base = block.load(as: Int64.self)
    let bitmapsStart = block + plan.bitmapsOffset(tokenLength: Int(header.pointee.tokenLength))
    bitmaps = bitmapsStart.assumingMemoryBound(to: UInt64.self)
    bitmapWords = Bitmap.wordCount(capacity)
    columns = bitmapsStart + plan.bitmapCount &* bitmapWords &* 8
    times = columns + capacity &* plan.timesOffset
    amounts = times + capacity &* (isWide ? 8 : 4)
  }

  @inline(__always) var count: Int { end - start }
  @inline(__always) var isEmpty: Bool { end == start }

  /// Writes the range back; nothing else of a ring lives outside its block.
  @inline(__always) func store() {
    header.pointee.start = UInt16(truncatingIfNeeded: start)
    header.pointee.end = UInt16(truncatingIfNeeded: end)
  }

  // MARK: Events

  @inline(__always) func time(_ index: Int) -> Int64 {
    isWide
      ? base &+ times.load(fromByteOffset: index &* 8, as: Int64.self)
      : base &+ Int64(times.load(fromByteOffset: index &* 4, as: UInt32.self))
  }

  @inline(__always) func amount(_ index: Int) -> Int64 {
    isWide
      ? amounts.load(fromByteOffset: index &* 8, as: Int64.self)
      : Int64(amounts.load(fromByteOffset: index &* 4, as: Int32.self))
  }

  @inline(__always) func value(_ column: FeaturePlan.Column, _ index: Int) -> UInt64 {
    let at = self.column(column)
    switch column.width {
    case 8: return at.load(fromByteOffset: index &* 8, as: UInt64.self)
    case 2: return UInt64(at.load(fromByteOffset: index &* 2, as: UInt16.self))
    default: return UInt64(at.load(fromByteOffset: index, as: UInt8.self))
    }
  }

  @inline(__always) func column(_ column: FeaturePlan.Column) -> UnsafeMutableRawPointer {
    columns + capacity &* (isWide ? column.wideOffset : column.narrowOffset)
  }

  /// Can this block hold the event without another base or width?
  @inline(__always) func fits(time: Int64, amount: Int64) -> Bool {
    isWide ? time >= base : UInt64(bitPattern: time &- base) <= UInt64(UInt32.max) && amount <= Int64(Int32.max)
  }

  @inline(__always) func write(_ index: Int, time: Int64, amount: Int64) {
    if isWide {
      times.storeBytes(of: time &- base, toByteOffset: index &* 8, as: Int64.self)
      amounts.storeBytes(of: amount, toByteOffset: index &* 8, as: Int64.self)
    } else {
      times.storeBytes(of: UInt32(truncatingIfNeeded: time &- base), toByteOffset: index &* 4, as: UInt32.self)
      amounts.storeBytes(of: Int32(truncatingIfNeeded: amount), toByteOffset: index &* 4, as: Int32.self)
    }
  }

  @inline(__always) func write(_ index: Int, _ column: FeaturePlan.Column, _ value: UInt64) {
    let at = self.column(column)
    switch column.width {
    case 8: at.storeBytes(of: value, toByteOffset: index &* 8, as: UInt64.self)
    case 2: at.storeBytes(of: UInt16(truncatingIfNeeded: value), toByteOffset: index &* 2, as: UInt16.self)
    default: at.storeBytes(of: UInt8(truncatingIfNeeded: value), toByteOffset: index, as: UInt8.self)
    }
  }

  /// The first event later than `time` (the end if none is), by binary search.
  func firstIndex(after time: Int64) -> Int {
    var low = start
    var high = end
    while low < high {
      let middle = (low + high) >> 1
      if self.time(middle) <= time { low = middle + 1 } else { high = middle }
    }
    return low
  }

  // MARK: Running state

  @inline(__always) func bitmap(_ index: Int) -> Bitmap { Bitmap(words: bitmaps + index &* bitmapWords) }

  /// A count or an edge.
  @inline(__always) func small(_ offset: Int) -> Int { Int(block.load(fromByteOffset: offset, as: UInt16.self)) }

  @inline(__always) func setSmall(_ offset: Int, _ value: Int) {
    block.storeBytes(of: UInt16(truncatingIfNeeded: value), toByteOffset: offset, as: UInt16.self)
  }

  @inline(__always) func sum(_ offset: Int) -> Int64 { block.load(fromByteOffset: offset, as: Int64.self) }

  @inline(__always) func addToSum(_ offset: Int, _ amount: Int64) {
    block.storeBytes(of: sum(offset) &+ amount, toByteOffset: offset, as: Int64.self)
  }

  @inline(__always) func squares(_ offset: Int) -> UInt128 {
    UInt128(block.load(fromByteOffset: offset + 8, as: UInt64.self)) << 64
      | UInt128(block.load(fromByteOffset: offset, as: UInt64.self))
  }

  @inline(__always) func setSquares(_ offset: Int, _ value: UInt128) {
    block.storeBytes(of: UInt64(truncatingIfNeeded: value), toByteOffset: offset, as: UInt64.self)
    block.storeBytes(of: UInt64(truncatingIfNeeded: value >> 64), toByteOffset: offset + 8, as: UInt64.self)
  }
}
