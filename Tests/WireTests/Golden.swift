import Foundation
import Testing

/// Golden bytes: what a message looks like on the wire or on disk, kept as hexadecimal under `Tests/Golden`. A golden
/// file is added to, never edited: a test that fails here has changed a format that other versions already speak.
///
/// `UPDATE=1` writes files that are missing; it never overwrites one.
enum Golden {
  /// Compares `bytes` with `Tests/Golden/<name>.hex`.
  static func check(
    _ name: String, _ bytes: some Sequence<UInt8>, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let path = folder + name + ".hex"
    let found = Self.hexadecimal(bytes)
    if let text = try? String(contentsOfFile: path, encoding: .utf8) {
      let golden = Self.hexadecimal(Self.bytes(text))
      #expect(found == golden, "\(name): the encoding differs from its golden bytes", sourceLocation: sourceLocation)
    } else if ProcessInfo.processInfo.environment["UPDATE"] == "1" {
      do {
        try found.write(toFile: path, atomically: true, encoding: .utf8)
      } catch {
        Issue.record("\(name): cannot write \(path): \(error)", sourceLocation: sourceLocation)
      }
    } else {
      Issue.record("\(name): there are no golden bytes; run once with UPDATE=1", sourceLocation: sourceLocation)
    }
  }

  /// The bytes of `Tests/Golden/<name>.hex`, for a decoder's test. Empty (and an issue) if the file is missing.
  static func read(_ name: String, sourceLocation: SourceLocation = #_sourceLocation) -> [UInt8] {
    guard let text = try? String(contentsOfFile: folder + name + ".hex", encoding: .utf8) else {
      Issue.record("\(name): there are no golden bytes; run once with UPDATE=1", sourceLocation: sourceLocation)
      return []
    }
    return bytes(text)
  }

  private static var folder: String { String(#filePath.dropLast("Golden.swift".count)) + "../Golden/" }

  /// 32 bytes a line, so that a difference is a line of a diff.
  private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for (index, byte) in bytes.enumerated() {
      if index > 0, index % 32 == 0 { text += "\n" }
      if byte < 16 { text += "0" }
      text += String(byte, radix: 16)
    }
    return text + "\n"
  }

  /// White space is skipped; a character that is no digit ends the reading, and so shows up as a difference.
  private static func bytes(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.map { $0.hexDigitValue }
    var bytes: [UInt8] = []
    var index = 0
    while index + 1 < digits.count, let high = digits[index], let low = digits[index + 1] {
      bytes.append(UInt8(high << 4 | low))
      index += 2
    }
    return bytes
  }
}
