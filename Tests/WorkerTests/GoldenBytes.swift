import Foundation
import Testing

/// Bytes that are on disks out there: `Tests/Golden/<name>.hex` is added to, never edited. A file that is missing is
/// written from what the code gives now when `UPDATE=1` is set.
func expectGolden(_ name: String, _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) throws {
  let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
    path: "Golden")
  let file = folder.appending(path: name + ".hex")
  let lines = stride(from: 0, to: bytes.count, by: 16).map { start in
    bytes[start..<min(start + 16, bytes.count)].map { String(format: "%02x", $0) }.joined(separator: " ")
  }
  let text = lines.joined(separator: "\n") + "\n"
  if !FileManager.default.fileExists(atPath: file.path()), ProcessInfo.processInfo.environment["UPDATE"] == "1" {
    try text.write(to: file, atomically: true, encoding: .utf8)
  }
  let golden = try String(contentsOf: file, encoding: .utf8)
  #expect(text == golden, "the bytes of \(name) have changed", sourceLocation: sourceLocation)
}

/// The bytes of a golden file that this version still has to know.
func goldenBytes(_ name: String) throws -> [UInt8] {
  let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Golden")
  let text = try String(contentsOf: folder.appending(path: name + ".hex"), encoding: .utf8)
  return text.split(whereSeparator: \.isWhitespace).map { UInt8($0, radix: 16)! }
}
