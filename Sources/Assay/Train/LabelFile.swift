import Foundation
import Models
import Wire

/// What a labels file says: a CSV file with the columns transaction_id and label, and perhaps label_version and known_at.
///
/// In memory are the ids that it calls fraud, and where it has times, every label.
struct LabelFile {
  struct Known {
    var label: Label
    /// Since when it has been known, ms since the Unix epoch.
    var at: Int64
  }

  /// The ids whose label of the highest version is fraud.
  private(set) var frauds: Set<String> = []
  /// By transaction, in the file's order.
  private(set) var known: [String: [Known]] = [:]
  /// Whether it says since when its labels have been known: only then can they count in features.
  let hasTimes: Bool

  private struct Columns {
    var version: Int?
    var knownAt: Int?
  }

  init(path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw OneLine("can't read \(path): \(String(cString: strerror(errno)))")
    }
    let lines = data.split(separator: UInt8(ascii: "\n"))
    let names = lines.first.map { Self.cells($0).map { String(decoding: $0, as: UTF8.self) } } ?? []
    guard names.prefix(2) == ["transaction_id", "label"] else {
      throw OneLine("\(path) does not begin with the columns transaction_id,label: make labels with assay generate --labels")
    }
    let columns = Columns(version: names.firstIndex(of: "label_version"), knownAt: names.firstIndex(of: "known_at"))
    hasTimes = columns.knownAt != nil
    var versions: [String: UInt16] = [:]
    for (index, line) in lines.enumerated().dropFirst() {
      let cells = Self.cells(line)
      func fail(_ why: String) -> OneLine { OneLine("\(path):\(index + 1): \(why)") }
      guard cells.count >= 2 else { throw fail("expected transaction_id,label") }
      guard let finding = Self.finding(cells[1]) else { throw fail("a label is 0 or 1, or legitimate or fraud") }
      let id = String(decoding: cells[0], as: UTF8.self)
      var version: UInt16 = 1
      if let column = columns.version, column < cells.count, !cells[column].isEmpty {
        guard let number = UInt16(String(decoding: cells[column], as: UTF8.self)), number > 0 else {
          throw fail("label_version is 1 to 65535")
        }
        version = number
      }
      if columns.version == nil || version > versions[id] ?? 0 {
        if columns.version != nil { versions[id] = version }
        if finding == .fraud { frauds.insert(id) } else if version > 1 { frauds.remove(id) }
      }
      guard let column = columns.knownAt else { continue }
      guard column < cells.count, let at = Self.time(cells[column]) else {
        throw fail("known_at is a time such as 2026-11-21T08:50:00Z, or milliseconds since 1970")
      }
      known[id, default: []].append(Known(label: Label(finding, version: version), at: at))
    }
  }

  private static func cells(_ line: Data) -> [Data] {
    let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    return line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
  }

  private static func finding(_ cell: Data) -> Label.Finding? {
    switch String(decoding: cell, as: UTF8.self) {
    case "1", "fraud": .fraud
    case "0", "legitimate": .legitimate
    default: nil
    }
  }

  private static func time(_ cell: Data) -> Int64? {
    if let number = Int64(String(decoding: cell, as: UTF8.self)) { return Timestamp.range.contains(number) ? number : nil }
    return try? Timestamp.parse(Array(cell).span.bytes)
  }

  func contains(_ id: [UInt8]) -> Bool { contains(String(decoding: id, as: UTF8.self)) }
  func contains(_ id: String) -> Bool { frauds.contains(id) }

  /// For whoever replays a bundle whose features ask for labels: why they will not count. Nil where they will.
  static func missing(_ labels: LabelFile?, for features: FeatureSet) -> String? {
    guard features.countsLabels, labels?.hasTimes != true else { return nil }
    return labels == nil
      ? "the bundle has features of labels, and without --labels none is known: fraud counts are 0"
      : "the bundle has features of labels, and the labels file does not say since when they have been known (column known_at): "
        + "fraud counts are 0"
  }
}
