import Foundation
import Glibc
import Wire

/// Counts the decisions that stand in the workers' closed files, by transaction: each must stand there once. The files are
/// the truth; what the client was told is not asked.
struct DecisionAudit {
  private let directories: [String]
  /// Ascending, and how often each was found, up to 255.
  private let ids: [UInt64]
  private var found: [UInt8]
  private var readFiles: Set<String> = []
  /// Distinct ids found, and lines of ids that were not asked for.
  private(set) var foundCount = 0
  private(set) var otherLines = 0

  init(ids: [UInt64], directories: [String]) {
    self.ids = ids.sorted()
    self.directories = directories
    found = [UInt8](repeating: 0, count: ids.count)
  }

  /// Reads the files that have been closed since the last call. A closed file never changes.
  mutating func read() throws {
    for directory in directories {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
      for name in names.sorted() where name.hasPrefix("decisions-") && name.hasSuffix(".ndjson") {
        let path = "\(directory)/\(name)"
        if readFiles.insert(path).inserted { try read(file: path) }
      }
    }
  }

  func times(_ id: UInt64) -> Int { index(of: id).map { Int(found[$0]) } ?? 0 }

  /// Ids with more than one decision.
  var duplicated: Int { found.count { $0 > 1 } }

  private func index(of id: UInt64) -> Int? {
    var low = 0
    var high = ids.count
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low < ids.count && ids[low] == id ? low : nil
  }

  private static let prefix = Array("{\"transaction_id\":\"".utf8)

  private mutating func read(file path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw OneLine("can't read \(path): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var kept = 0
    while true {
      if kept == buffer.count { buffer.append(contentsOf: [UInt8](repeating: 0, count: buffer.count)) }
      let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + kept, $0.count - kept) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw OneLine("can't read \(path): \(String(cString: strerror(errno)))") }
      if count == 0 { break }
      let end = kept + count
      var at = 0
      while let next = Self.lineEnd(buffer, at, end) {
        take(buffer, at)
        at = next
      }
      buffer.withUnsafeMutableBytes { $0.baseAddress!.copyMemory(from: $0.baseAddress! + at, byteCount: end - at) }
      kept = end - at
    }
    guard kept == 0 else { throw OneLine("\(path) does not end with a line: it should have been closed whole") }
  }

  /// Behind the next line feed.
  private static func lineEnd(_ bytes: [UInt8], _ at: Int, _ end: Int) -> Int? {
    bytes.withUnsafeBytes { bytes in
      memchr(bytes.baseAddress! + at, 10, end - at).map { UnsafeRawPointer($0) - bytes.baseAddress! + 1 }
    }
  }

  private mutating func take(_ bytes: [UInt8], _ at: Int) {
    let start = at + Self.prefix.count
    guard start + 18 <= bytes.count, bytes[at..<start].elementsEqual(Self.prefix),
      let number = DemoResult.number(bytes.span.bytes.extracting(start..<start + 18)), let index = index(of: number)
    else {
      otherLines += 1
      return
    }
    if found[index] == 0 { foundCount += 1 }
    if found[index] < .max { found[index] += 1 }
  }
}
