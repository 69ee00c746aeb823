import Foundation
import Testing

/// The specification's own conformance files (google/cel-spec, tests/simple/testdata), which are not part of this repository.
@Suite("CEL: conformance")
struct ConformanceTests {
  /// `ASSAY_CEL_CONFORMANCE`, or a folder `shared/cel-conformance` beside the repository.
  static let folder: String? = {
    if let path = ProcessInfo.processInfo.environment["ASSAY_CEL_CONFORMANCE"] { return path }
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..").standardized
    let beside = repository.appendingPathComponent("../shared/cel-conformance").standardized.path
    return FileManager.default.fileExists(atPath: beside) ? beside : nil
  }()

  @Test(.enabled(if: folder != nil, "set ASSAY_CEL_CONFORMANCE to the folder of the specification's *.textproto files"))
  func everyTestThatNeedsNoProtobufPasses() throws {
    let folder = try #require(Self.folder)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".textproto") }.sorted()
    #expect(!names.isEmpty, "no *.textproto in \(folder)")
    let files = try names.map { try ConformanceFile(path: "\(folder)/\($0)") }
    print(Self.table(files))
    for failure in files.flatMap(\.failures) { Issue.record("\(failure)") }
  }

  static func table(_ files: [ConformanceFile]) -> String {
    func row(_ name: String, _ passed: Int, _ failed: Int, _ leftOut: [String: Int]) -> String {
      let count = leftOut.values.reduce(0, +)
      let reasons = leftOut.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      func right(_ number: Int) -> String { String(repeating: " ", count: max(0, 9 - String(number).count)) + String(number) }
      return name + String(repeating: " ", count: max(1, 18 - name.count)) + right(passed) + right(failed) + right(count) + "  " + reasons
    }
    var lines = ["file                 passed   failed left out  why"]
    lines += files.map { row($0.name, $0.passed, $0.failures.count, $0.leftOut) }
    let all = files.reduce(into: [:]) { $0.merge($1.leftOut, uniquingKeysWith: +) }
    lines.append(row("all", files.reduce(0) { $0 + $1.passed }, files.reduce(0) { $0 + $1.failures.count }, all))
    return lines.joined(separator: "\n")
  }
}
