import Models
import Testing

@Suite("Damaged and foreign models")
struct TreesDamagedDocumentTests {
  /// What is replaced in the stump's document, and what the refusal must say.
  static let damages: [(from: String, to: String, code: ModelError.Code, location: String)] = [
    ("\"left_children\":[1,", "\"left_children\":[7,", .inconsistent, "trees[0], node 0"),
    ("\"left_children\":[1,", "\"left_children\":[0,", .inconsistent, "trees[0], node 0"),
    ("\"left_children\":[1,", "\"left_children\":[-7,", .inconsistent, "trees[0], node 0"),
    ("\"left_children\":[1,", "\"left_children\":[99999999999,", .inconsistent, "trees[0], node 0"),
    ("\"left_children\":[1,", "\"left_children\":[1.5,", .malformed, "left_children[0]"),
    ("\"right_children\":[2,", "\"right_children\":[1,", .inconsistent, "trees[0], node 1"),
    ("\"right_children\":[2,-1,-1]", "\"right_children\":[2,-1]", .inconsistent, "trees[0]"),
    ("\"right_children\":[2,-1,-1]", "\"right_children\":{}", .malformed, "right_children"),
    ("\"split_indices\":[3", "\"split_indices\":[10", .inconsistent, "trees[0], node 0"),
    ("\"split_indices\":[3", "\"split_indices\":[-1", .inconsistent, "trees[0], node 0"),
    ("\"split_conditions\":[5E-1", "\"split_conditions\":[NaN", .inconsistent, "trees[0], node 0"),
    ("\"split_conditions\":[5E-1,-2.6362392E-1", "\"split_conditions\":[5E-1,1E99", .inconsistent, "trees[0], node 1"),
    ("\"split_type\":[0", "\"split_type\":[1", .unsupported, "split_type"),
    ("\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"3\"", .unsupported, "size_leaf_vector"),
    ("\"id\":0", "\"id\":1", .inconsistent, "trees[0].id"),
    ("\"tree_info\":[0]", "\"tree_info\":[1]", .unsupported, "tree_info"),
    ("\"name\":\"gbtree\"", "\"name\":\"gblinear\"", .unsupported, "gradient_booster.name"),
    ("\"name\":\"binary:logistic\"", "\"name\":\"multi:softprob\"", .unsupported, "objective.name"),
    ("\"num_class\":\"0\"", "\"num_class\":\"3\"", .unsupported, "num_class"),
    ("\"num_target\":\"1\"", "\"num_target\":\"2\"", .unsupported, "num_target"),
    ("\"num_class\":\"0\",\"num_feature\":\"10\"", "\"num_feature\":\"11\"", .features, "feature_names"),
    ("\"num_class\":\"0\",\"num_feature\":\"10\"", "\"num_feature\":\"99999999\"", .tooLarge, "num_feature"),
    ("\"num_class\":\"0\",\"num_feature\":\"10\"", "\"num_feature\":\"-1\"", .tooLarge, "num_feature"),
    ("\"amount_sum_9h\"", "\"amount_sum_8h\"", .features, "feature_names"),
    ("\"amount_sum_9h\"", "\"somebody_elses\"", .features, "feature_names"),
    ("\"amount_sum_9h\"]", "]", .malformed, "byte"),
    ("\"feature_types\":[]", "\"feature_types\":[\"q\",\"c\"]", .unsupported, "feature_types[1]"),
    ("\"enc\":[]", "\"enc\":[{\"type\":1}]", .unsupported, "cats.enc"),
    ("\"attributes\":{}", "\"attributes\":{\"best_iteration\":\"5\"}", .unsupported, "best_iteration"),
    ("\"version\":[3,2,0]", "\"version\":[4,0,0]", .unsupported, "version"),
    ("\"version\":[3,2,0]", "\"version\":[]", .unsupported, "version"),
    ("\"version\":", "\"revision\":", .malformed, "the document"),
    ("\"base_score\":\"[", "\"base_score\":\"[1E-1,", .unsupported, "base_score"),
    ("\"base_score\":\"[", "\"base_score\":\"[x", .inconsistent, "base_score"),
    ("\"base_score\":\"[", "\"base_score\":\"[-", .inconsistent, "base_score"),
    ("\"id\":0", "\"id\":0,\"id\":0", .malformed, "byte"),
    ("\"learner\":{", "\"learner\":[{", .malformed, "byte"),
  ]

  static let features = XGBoostFixture.featureNames

  @Test("damage is refused, with its place", arguments: damages.indices)
  func damageIsNamed(index: Int) throws {
    let damage = Self.damages[index]
    let original = String(decoding: try XGBoostFixture("stump").model, as: UTF8.self)
    let damaged = original.replacing(damage.from, with: damage.to, maxReplacements: 1)
    try #require(damaged != original)
    let error = #expect(throws: ModelError.self) {
      try Model.parse(bytes: Array(damaged.utf8), format: .xgboostJSON, featureNames: Self.features)
    }
    #expect(error?.code == damage.code, "\(error.map(String.init(describing:)) ?? "")")
    #expect(error?.location.contains(damage.location) == true, "\(error?.location ?? "")")
    #expect(error?.advice.isEmpty == false)
  }

  @Test("both spellings of the base score are the same number")
  func baseScoreSpellings() throws {
    let original = String(decoding: try XGBoostFixture("logitraw").model, as: UTF8.self)
    #expect(original.contains("\"base_score\":\"[3E-1]\""))
    let old = original.replacing("\"[3E-1]\"", with: "\"3E-1\"")
    #expect(try XGBoostModel(json: Array(original.utf8)).ensemble.base == 0.3)
    #expect(try XGBoostModel(json: Array(old.utf8)).ensemble.base == 0.3)
  }

  @Test("trees are added in the order of their numbers, not of the file")
  func treesAreOrderedByNumber() throws {
    let ensemble = try XGBoostModel(json: try XGBoostFixture("logitraw").model).ensemble
    let text = String(decoding: try XGBoostFixture("logitraw").model, as: UTF8.self)
    let swapped = text.replacing("\"id\":0,", with: "\"id\":~,").replacing("\"id\":16,", with: "\"id\":0,")
      .replacing("\"id\":~,", with: "\"id\":16,")
    let other = try XGBoostModel(json: Array(swapped.utf8)).ensemble
    #expect(other.trees.first == ensemble.trees.last && other.trees.last == ensemble.trees.first)
  }

  @Test("no beginning of a document is a document", arguments: ModelFormat.allCases)
  func truncation(format: ModelFormat) throws {
    let bytes = try Self.document(format)
    for length in 0..<bytes.count - 2 {
      #expect(throws: ModelError.self) {
        try Model.parse(bytes: Array(bytes[0..<length]), format: format, featureNames: Self.features)
      }
    }
  }

  @Test("changed bytes are refused or scored, and never trap", arguments: ModelFormat.allCases)
  func changedBytes(format: ModelFormat) throws {
    let original = try Self.document(format)
    let rows = WideMatrix(try XGBoostFixture("stump").rows)
    let alphabet = Array("0123456789-+.eE,:[]{}\"\\untf ".utf8)
    var loaded = 0
    for seed in 0..<3000 {
      var generator = SeededGenerator(seed: UInt64(seed))
      var bytes = original
      for _ in 0...generator.below(3) {
        bytes[generator.below(bytes.count)] =
          generator.below(4) == 0 ? UInt8(generator.below(256)) : alphabet[generator.below(alphabet.count)]
      }
      guard let model = try? Model.parse(bytes: bytes, format: format, featureNames: rows.featureNames)
      else { continue }
      loaded += 1
      #expect(rows.scores(of: model).count == rows.rowCount, "seed \(seed)")
      _ = rows.withRow(0) { model.contributions($0) }
    }
    #expect(loaded > 50)
  }

  @Test("nesting without end is refused")
  func nesting() {
    for opening in ["[", "{\"a\":"] {
      let bytes = Array(String(repeating: opening, count: 100_000).utf8)
      let error = #expect(throws: ModelError.self) { try XGBoostModel(json: bytes) }
      #expect(error?.what.contains("nested") == true)
    }
  }

  static func document(_ format: ModelFormat) throws -> [UInt8] {
    switch format {
    case .xgboostJSON: return try XGBoostFixture("stump").model
    case .isolationForest:
      let fixture = try XGBoostFixture("stump")
      let rows = fixture.rows.map { $0.magnitude > 1e30 ? .nan : $0 }
      return try IsolationForest.train(
        rows: rows, featureNames: Self.features, options: .init(seed: 1, trees: 2, sampleSize: 8)
      ).encode()
    }
  }
}
