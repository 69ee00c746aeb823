import Foundation

/// The ids that a labels file (transaction_id,label,pattern) calls fraud. In memory are only those.
struct LabelFile {
  let frauds: Set<String>

  init(path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw OneLine("can't read \(path): \(String(cString: strerror(errno)))")
    }
    var frauds: Set<String> = []
    for (index, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
      let cells = line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      if index == 0 {
        guard cells.count >= 2, cells[0].elementsEqual("transaction_id".utf8), Self.trimmed(cells[1]).elementsEqual("label".utf8) else {
          throw OneLine("\(path) does not begin with the columns transaction_id,label: make labels with assay generate --labels")
        }
        continue
      }
      guard cells.count >= 2 else { throw OneLine("\(path):\(index + 1): expected transaction_id,label") }
      switch Self.trimmed(cells[1]).first {
      case UInt8(ascii: "1"): frauds.insert(String(decoding: cells[0], as: UTF8.self))
      case UInt8(ascii: "0"): break
      default: throw OneLine("\(path):\(index + 1): a label is 0 or 1")
      }
    }
    self.frauds = frauds
  }

  private static func trimmed(_ cell: Data) -> Data { cell.last == UInt8(ascii: "\r") ? cell.dropLast() : cell }

  func contains(_ id: [UInt8]) -> Bool { contains(String(decoding: id, as: UTF8.self)) }
  func contains(_ id: String) -> Bool { frauds.contains(id) }
}
