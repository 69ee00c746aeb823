import Testing
import Wire

@testable import Worker

@Suite struct SnapshotInspectorTests {
  private static func inspect(_ file: [UInt8]) -> (summary: SnapshotInspector.Summary, text: [String]) {
    var text: [String] = []
    let summary = file.withUnsafeBytes { SnapshotInspector().inspect($0) { text.append($0) } }
    return (summary, text)
  }

  @Test func `a whole snapshot is told of without a word of damage`() throws {
    let (_, state, log) = try SnapshotFormatTests.partition()
    let (header, file) = try SnapshotFormatTests.write(state, log)
    let (summary, text) = Self.inspect(file)
    #expect(summary.damaged == 0 && summary.dedupEntries == 30 && summary.entityBytes > 0)
    #expect(text[0].contains("p1") && text[0].contains("\(header.offset)") && text[1].contains("7 entities"))
  }

  /// Every byte matters: a file that has one changed, or that ends early, is never called whole; and what lies behind is still read.
  @Test func `a byte that has changed is found wherever it is, and reading goes on behind it`() throws {
    let (_, state, log) = try SnapshotFormatTests.partition()
    let (_, file) = try SnapshotFormatTests.write(state, log)
    let whole = Self.inspect(file).summary
    for place in stride(from: 0, to: file.count, by: 7) {
      var changed = file
      changed[place] ^= 0x40
      let (summary, text) = Self.inspect(changed)
      #expect(summary.damaged > 0, "byte \(place)")
      #expect(summary.blocks >= whole.blocks - 1, "byte \(place): \(text)")
    }
    for length in stride(from: 0, to: file.count, by: 11) { #expect(Self.inspect(Array(file[..<length])).summary.damaged > 0) }
  }
}
