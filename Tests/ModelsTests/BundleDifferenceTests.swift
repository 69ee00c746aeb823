import Testing
import Wire

@testable import Models

@Suite("Bundles: what one decides by that another doesn't")
struct BundleDifferenceTests {
  @Test func eachKindOfChangeIsTold() throws {
    func yaml(_ review: String) -> String {
      """
      version: 1
      name: test
      features: features.yaml
      lists: [{name: cards, file: lists/cards.csv, type: text}]
      thresholds: {review: \(review)}
      """
    }
    func rules(_ mode: String, _ id: String) -> String {
      BundleRulesTests.rules([
        "{id: kept, when: tx.amount > 1.0, reason: KEPT, action: review, mode: \(mode)}",
        "{id: \(id), when: tx.amount > 2.0, reason: X, score: 1}",
      ])
    }
    func made(_ files: [String: String]) throws -> (bundle: Bundle, archive: BundleArchive) {
      let archive = BundleRulesTests.archive(files)
      return (try Bundle(archive: archive, id: BundleID(high: 1, low: 1)), archive)
    }
    let old = try made(["bundle.yaml": yaml("0.5"), "rules/a.yaml": rules("shadow", "gone"), "lists/cards.csv": "value\na\nb\n"])
    let new = try made([
      "bundle.yaml": yaml("0.75"), "rules/a.yaml": rules("on", "come"), "lists/cards.csv": "value\nb\nc\nd\n",
      "features.yaml": BundleRulesTests.features.replacing("window: 24h", with: "window: 48h"),
      "tests/a.yaml": "version: 1\ntests: []\n",
    ])
    let lines = BundleDifference(old, new).lines
    #expect(lines.contains("~ thresholds.review: 0.5 -> 0.75"))
    #expect(lines.contains("~ rule kept: mode shadow -> on") && lines.contains("+ rule come") && lines.contains("- rule gone"))
    #expect(lines.contains("~ list cards: 2 lines added, 1 removed, 4 now"))
    #expect(lines.contains { $0.hasPrefix("~ feature mean_24h: definition ") } && lines.contains("~ tests tests/a.yaml"))
    #expect(lines.count == 7, "\(lines)")
    #expect(BundleDifference(new, new).lines == [])
  }
}
