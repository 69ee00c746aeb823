/// The document of a forest: `{"format": "assay-isolation-forest", "version": 1, "feature_names": [...],
/// "sample_size": 256, "trees": [{"left": [...], "right": [...], "feature": [...], "threshold": [...],
/// "missing_left": [...], "size": [...]}]}`. Children are node numbers, -1 in a leaf; `size` counts training rows.
extension IsolationForest {
  static let formatVersion = 1

  public init(json bytes: [UInt8]) throws(ModelError) {
    let document = try ModelDocument(bytes)
    let format = try document.member("format")
    guard try format.string() == ModelFormat.isolationForest.rawValue else {
      throw format.error(.malformed, "\"\(try format.string())\" is not \"\(ModelFormat.isolationForest.rawValue)\"")
    }
    let version = try document.member("version")
    guard try version.integer() == Self.formatVersion else {
      throw version.error(
        .unsupported, "The format's version \(try version.integer()) is not known",
        advice: "Train the forest again with this version of Assay.")
    }
    var names: [String] = []
    for name in try document.member("feature_names").elements() { names.append(try name.string()) }
    let sample = try document.member("sample_size")
    let sampleSize = try sample.integer()
    guard (2...Options.sampleSizeMax).contains(sampleSize) else {
      throw sample.error(.inconsistent, "A sample of \(sampleSize) rows is not possible")
    }
    let list = try document.member("trees")
    let elements = try list.elements()
    guard (1...Options.treesMax).contains(elements.count) else {
      throw list.error(.tooLarge, "A forest has \(elements.count) trees; 1 to \(Options.treesMax) are possible")
    }
    var trees: [DecisionTree] = []
    var nodeSizes: [[Int]] = []
    for element in elements {
      let (nodes, sizes) = try Self.nodes(element, sampleSize: sampleSize)
      do throws(DecisionTree.Defect) {
        trees.append(try Self.tree(nodes, sizes: sizes, featureCount: names.count))
      } catch {
        throw error.modelError(in: element.path)
      }
      nodeSizes.append(sizes)
    }
    try self.init(featureNames: names, sampleSize: sampleSize, trees: trees, trainingRowsByNode: nodeSizes)
  }

  private static func nodes(
    _ element: ModelDocument, sampleSize: Int
  ) throws(ModelError) -> (nodes: [DecisionTree.Node], sizes: [Int]) {
    let left = try element.member("left").integers()
    let right = try element.member("right").integers()
    let feature = try element.member("feature").integers()
    let missingLeft = try element.member("missing_left").integers()
    let threshold = try element.member("threshold").floats()
    let sizes = try element.member("size").integers()
    let counts = [right.count, feature.count, missingLeft.count, threshold.count, sizes.count]
    guard counts.allSatisfy({ $0 == left.count }) else {
      throw element.error(.inconsistent, "A tree's arrays have unequal lengths")
    }
    guard sizes.allSatisfy({ (1...sampleSize).contains($0) }) else {
      throw element.error(.inconsistent, "A node's size is not within the sample")
    }
    var nodes: [DecisionTree.Node] = []
    nodes.reserveCapacity(left.count)
    for i in left.indices {
      guard left[i] >= -1 else {
        throw DecisionTree.Defect(node: i, reason: .childOutOfBounds(left[i])).modelError(in: element.path)
      }
      nodes.append(
        left[i] == -1
          ? .leaf(0)
          : .split(
            feature: feature[i], threshold: threshold[i], missingGoesLeft: missingLeft[i] != 0, left: left[i],
            right: right[i]))
    }
    return (nodes, sizes)
  }

  /// The document; `init(json:)` gives an equal forest from it.
  public func encode() -> [UInt8] {
    func list(_ values: [some CustomStringConvertible]) -> String {
      "[" + values.map { $0.description }.joined(separator: ",") + "]"
    }
    let names = featureNames.map(Self.quoted).joined(separator: ",")
    var text = "{\"format\":\"\(ModelFormat.isolationForest.rawValue)\",\"version\":\(Self.formatVersion),"
    text += "\"feature_names\":[\(names)],\"sample_size\":\(sampleSize),\"trees\":["
    for (index, tree) in ensemble.trees.enumerated() {
      let nodes = tree.nodes
      text += index == 0 ? "\n" : ",\n"
      let missingLeft = nodes.map { $0.missingGoesLeft ? 1 : 0 }
      text += "{\"left\":\(list(nodes.map(\.left))),\"right\":\(list(nodes.map(\.right))),"
      text += "\"feature\":\(list(nodes.map(\.feature))),\"threshold\":\(list(nodes.map(\.threshold))),"
      text += "\"missing_left\":\(list(missingLeft)),\"size\":\(list(trainingRowsByNode[index]))}"
    }
    return Array((text + "\n]}\n").utf8)
  }

  private static func quoted(_ name: String) -> String {
    var text = "\""
    for scalar in name.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\u{0}"..<"\u{20}":
        let hex = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}
