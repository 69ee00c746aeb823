import Wire

/// Labels by transaction id, from a CSV file with the columns `transaction_id`, `label` and perhaps `label_version`; others are
/// passed over. What it lacks of the transactions, another file has.
public struct LabelTable: Sendable {
  /// A line that can't be used.
  public struct Defect: Error, Equatable, Sendable, CustomStringConvertible {
    /// From 1.
    public var line: Int
    public var problem: String

    public var description: String { "line \(line): \(problem)" }
  }

  public private(set) var labels: [[UInt8]: Label] = [:]
  public subscript(id: [UInt8]) -> Label? { labels[id] }
  public var count: Int { labels.count }

  /// Of two lines with the same id the one with the higher version holds; with the same version they must say the same.
  public init(csv text: [UInt8]) throws(Defect) {
    var columns: (id: Int, label: Int, version: Int?)?
    var number = 0
    for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      guard !line.isEmpty else { continue }
      let cells: [[UInt8]]
      do throws(Rejection) { cells = try Self.cells(Array(line)) } catch { throw Defect(line: number, problem: "\(error)") }
      guard let known = columns else {
        columns = try Self.header(cells, number)
        continue
      }
      try add(cells, known, number)
    }
    guard columns != nil else { throw Defect(line: 1, problem: "the file is empty; its first line names the columns") }
  }

  private static func header(_ cells: [[UInt8]], _ number: Int) throws(Defect) -> (id: Int, label: Int, version: Int?) {
    let names = cells.map { String(decoding: $0, as: UTF8.self) }
    guard let id = names.firstIndex(of: "transaction_id"), let label = names.firstIndex(of: "label") else {
      throw Defect(line: number, problem: "the first line names the columns, transaction_id and label among them")
    }
    return (id, label, names.firstIndex(of: "label_version"))
  }

  private mutating func add(_ cells: [[UInt8]], _ columns: (id: Int, label: Int, version: Int?), _ number: Int) throws(Defect) {
    func cell(_ column: Int?) -> [UInt8] { column.map { $0 < cells.count ? cells[$0] : [] } ?? [] }
    let id = cell(columns.id)
    guard !id.isEmpty else { throw Defect(line: number, problem: "there is no transaction_id") }
    let version = String(decoding: cell(columns.version), as: UTF8.self)
    guard let version = version.isEmpty ? 1 : Int64(version) else {
      throw Defect(line: number, problem: "label_version is a number from 1 to 65535")
    }
    let label: Label
    do throws(Rejection) {
      label = try LabelFields.label(String(decoding: cell(columns.label), as: UTF8.self), version: version)
    } catch {
      throw Defect(line: number, problem: "\(error.field): \(error.detail)")
    }
    if let known = labels[id], known.version >= label.version {
      guard known.version > label.version || known == label else {
        throw Defect(line: number, problem: "the transaction stands twice, with two labels of one version")
      }
      return
    }
    labels[id] = label
  }

  private static func cells(_ line: [UInt8]) throws(Rejection) -> [[UInt8]] {
    var record = CSVRecord(line.span.bytes, delimiter: UInt8(ascii: ","))
    var cells: [[UInt8]] = []
    while let cell = try record.next() {
      var content = Array(line[cell.range])
      if cell.hasQuotes { record.unquote(cell.range, into: &content) }
      cells.append(content)
    }
    return cells
  }
}
