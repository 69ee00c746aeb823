import Foundation
import Models
import Wire

/// The feature values that a cluster computed, from decisions that it wrote (`assay submit --decisions F.ndjson --with-features`, a
/// worker's decision files with `decisions_with_features`).
enum OnlineFeatures {
  private struct Line: Decodable {
    var transaction_id: String
    var card: String
    var features: [String: Double?]?
  }

  static func digest(_ path: String, names: [String]) throws -> FeatureDigest {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw OneLine("can't read \(path): \(String(cString: strerror(errno)))")
    }
    var digest = FeatureDigest()
    let decoder = JSONDecoder()
    for (index, text) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
      guard let line = try? decoder.decode(Line.self, from: text) else { throw OneLine("\(path):\(index + 1) is no decision") }
      // Duplicates have no values of their own: their first decision has them.
      guard let features = line.features else { continue }
      let row = names.map { (features[$0] ?? nil) ?? .nan }
      guard names.allSatisfy({ features.keys.contains($0) }) else {
        throw OneLine("\(path):\(index + 1) has the features of another bundle")
      }
      Array(line.transaction_id.utf8).withUnsafeBytes { id in
        Array(line.card.utf8).withUnsafeBytes { card in row.withUnsafeBufferPointer { digest.add(id: id, card: card, $0) } }
      }
    }
    guard digest.count > 0 else { throw OneLine("\(path) has no decision with features: write them with --with-features") }
    return digest
  }
}
