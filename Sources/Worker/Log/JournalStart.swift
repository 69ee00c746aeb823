import Wire

/// Where a journal begins once its oldest segments have been removed: written before they are, so that a first segment
/// above 1 is either this one or a loss (R15).
///
/// Text, so that an operator can read it:
/// ```
/// assay journal start, format 1
/// segment 7 first 1042
/// checksum 9ab01c2d
/// ```
/// The checksum is a CRC-32C over the lines before it.
public struct JournalStart: Equatable, Sendable {
  public static var name: String { "journal-start" }
  static var title: String { "assay journal start, format 1" }

  /// The oldest segment that is kept.
  public var segment: UInt32
  /// Its first block's sequence.
  public var first: JournalSequence

  public init(segment: UInt32, first: JournalSequence) {
    self.segment = segment
    self.first = first
  }

  public static var beginning: JournalStart { JournalStart(segment: 1, first: JournalSequence(1)) }

  public var bytes: [UInt8] {
    let body = "\(Self.title)\nsegment \(segment) first \(first.rawValue)\n"
    return Array((body + "checksum \(Self.checksum(Array(body.utf8)))\n").utf8)
  }

  /// Nil for anything else.
  public init?(reading bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count == 4, lines[0] == Self.title, lines[3].isEmpty else { return nil }
    let words = lines[1].split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 4, words[0] == "segment", words[2] == "first", let segment = UInt32(words[1]), segment > 0,
      let first = UInt64(words[3]), first > 0
    else { return nil }
    self.init(segment: segment, first: JournalSequence(first))
    guard bytes == self.bytes else { return nil }
  }

  private static func checksum(_ body: [UInt8]) -> String {
    body.withUnsafeBytes { String(hexadecimal(UInt64(crc32c($0))).suffix(8)) }
  }
}
