/// A list as bundle.yaml declares it.
///
/// ```yaml
/// lists:
///   - {name: blocked_ips, file: lists/blocked_ips.csv, type: ip}      # text, prefix, ip (with networks) or number
/// ```
struct ListSource {
  static let countMax = 256

  var name: String
  var file: String
  var type: ListType
  var fileNode: DefinitionNode

  init(_ node: DefinitionNode) throws(DefinitionError) {
    let entry = try node.mapping(known: ["name", "file", "type"])
    name = try entry.required("name").identifier()
    fileNode = try entry.required("file")
    file = try fileNode.text(lengthMax: 512)
    type = try entry.required("type").word(ListType.allCases.map { ($0.rawValue, $0) }, kind: "type of list")
  }
}
