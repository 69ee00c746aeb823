/// Searches in bytes. Of valid UTF-8, what is found begins and ends at code points.
enum Bytes {
  typealias Buffer = UnsafeBufferPointer<UInt8>

  static func isEqual(_ part: Buffer, _ text: Buffer, at offset: Int) -> Bool {
    for index in 0..<part.count where part[index] != text[offset + index] { return false }
    return true
  }

  /// The first place at or behind `start`.
  static func index(of part: Buffer, in text: Buffer, from start: Int) -> Int? {
    var offset = start
    while offset + part.count <= text.count {
      if isEqual(part, text, at: offset) { return offset }
      offset += 1
    }
    return nil
  }

  /// The last place at or before `start`.
  static func lastIndex(of part: Buffer, in text: Buffer, from start: Int) -> Int? {
    var offset = min(start, text.count - part.count)
    while offset >= 0 {
      if isEqual(part, text, at: offset) { return offset }
      offset -= 1
    }
    return nil
  }

  static func codePoints(_ text: Buffer, before offset: Int) -> Int {
    var count = 0
    for index in 0..<offset where text[index] & 0xC0 != 0x80 { count += 1 }
    return count
  }

  /// `separator` is not empty.
  static func split(_ text: [UInt8], _ separator: [UInt8], _ limit: Int) -> [ArraySlice<UInt8>] {
    var parts: [ArraySlice<UInt8>] = []
    var start = 0
    text.withUnsafeBufferPointer { text in
      separator.withUnsafeBufferPointer { separator in
        while parts.count < limit - 1, let place = index(of: separator, in: text, from: start) {
          parts.append(ArraySlice(text[start..<place]))
          start = place + separator.count
        }
      }
    }
    parts.append(text[start...])
    return parts
  }
}
