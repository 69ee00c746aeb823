/// Memory for the columns of the rows being scored, reused from call to call. One for each thread that scores.
public struct TreeScratch: Sendable {
  /// SIMD elements keep blocks aligned to cache lines.
  private var storage: [SIMD16<Float>] = []

  public init() {}

  /// Room for `count` floats; grows, never shrinks. Contents are left from the last use.
  mutating func withColumns(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    let blocks = max(1, (count + 15) / 16)
    if storage.count < blocks { storage = [SIMD16<Float>](repeating: SIMD16(repeating: 0), count: blocks) }
    storage.withUnsafeMutableBytes { bytes in
      body(bytes.baseAddress!.assumingMemoryBound(to: Float.self))
    }
  }
}
