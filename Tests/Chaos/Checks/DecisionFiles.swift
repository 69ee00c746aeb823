import Foundation
import Wire

/// Where in the log a decision stands.
struct LogPlace: Hashable, Comparable {
  var partition: PartitionID
  var offset: Offset

  static func < (a: LogPlace, b: LogPlace) -> Bool { a.partition == b.partition ? a.offset < b.offset : a.partition < b.partition }
}

/// All decision files of all workers, as a collector would have them: delivery is at least once by (partition, offset), so
/// a line may stand there several times, and each time must be the same.
struct DecisionFiles {
  /// A decision's line; the bytes stay in the mapped file.
  struct Line {
    var place: LogPlace
    /// Which client sent it, and its number there: both are in the id.
    var client: UInt32
    var number: Int
    var hash: UInt64
    var file: Int
    var range: Range<Int>
  }

  private var files: [Data] = []
  /// By place.
  private(set) var lines: [LogPlace: Line] = [:]
  /// By client and number.
  private(set) var placeOfTransaction: [UInt32: [Int: LogPlace]] = [:]
  private(set) var lineCount = 0
  private(set) var repeated = 0
  private(set) var violations: [String] = []

  init(directories: [String]) throws {
    for directory in directories {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
      for name in names.sorted() where name.hasPrefix("decisions-") && name.hasSuffix(".ndjson") {
        try read("\(directory)/\(name)")
      }
    }
  }

  func bytes(of line: Line) -> Data { files[line.file][line.range] }

  private mutating func read(_ path: String) throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    let file = files.count
    files.append(data)
    var start = 0
    while start < data.count {
      let end = data[start...].firstIndex(of: 10) ?? data.count
      try data[start..<end].withUnsafeBytes { bytes in
        guard let line = Self.parse(bytes, file, start) else {
          throw ChaosError("\(path): the line at byte \(start) is no decision")
        }
        add(line)
      }
      start = end + 1
    }
  }

  private mutating func add(_ line: Line) {
    lineCount += 1
    if let known = lines[line.place] {
      repeated += 1
      if known.hash != line.hash { violations.append("\(line.place) has two decisions: \(text(known)) and \(text(line))") }
      return
    }
    lines[line.place] = line
    if let other = placeOfTransaction[line.client, default: [:]].updateValue(line.place, forKey: line.number) {
      violations.append("transaction \(line.number) of client \(line.client) was decided at \(other) and at \(line.place)")
    }
  }

  func text(_ line: Line) -> String { String(decoding: bytes(of: line), as: UTF8.self) }

  /// Reads the beginning, whose order of fields `DecisionText` fixes:
  /// `{"transaction_id":"<8 hex><16 hex>","partition":3,"offset":17,...`.
  private static func parse(_ bytes: UnsafeRawBufferPointer, _ file: Int, _ start: Int) -> Line? {
    var at = 0
    func skip(_ text: StaticString) -> Bool {
      let count = text.utf8CodeUnitCount
      guard at + count <= bytes.count, memcmp(bytes.baseAddress! + at, text.utf8Start, count) == 0 else { return false }
      at += count
      return true
    }
    func number(radix: UInt64, digits: Int) -> UInt64? {
      var value: UInt64 = 0
      let first = at
      while at < bytes.count, at - first < digits {
        let byte = bytes[at]
        let digit: UInt64
        switch byte {
        case 0x30...0x39: digit = UInt64(byte - 0x30)
        case 0x61...0x66 where radix == 16: digit = UInt64(byte - 0x57)
        default: return at > first ? value : nil
        }
        value = value &* radix &+ digit
        at += 1
      }
      return at > first ? value : nil
    }
    guard skip("{\"transaction_id\":\""), let client = number(radix: 16, digits: 8), let row = number(radix: 16, digits: 16),
      skip("\",\"partition\":"), let partition = number(radix: 10, digits: 10), skip(",\"offset\":"),
      let offset = number(radix: 10, digits: 20)
    else { return nil }
    return Line(
      place: LogPlace(partition: PartitionID(UInt32(partition)), offset: Offset(offset)), client: UInt32(client), number: Int(row),
      hash: hash64(bytes, seed: 0), file: file, range: start..<start + bytes.count)
  }
}
