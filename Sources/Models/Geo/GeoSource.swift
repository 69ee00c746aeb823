/// A geo table as bundle.yaml declares it.
///
/// ```yaml
/// geo:
///   - {name: city, file: geo/city.mmdb}
///   - name: risk                              # fields beyond the usual ones, by their way in a record
///     file: geo/risk.mmdb
///     fields:
///       - {name: score, path: risk.score, type: number}     # text, number, integer or flag; 0 is an array's first
/// ```
struct GeoSource {
  static let countMax = 16
  static let fieldsMax = 64

  var name: String
  var file: String
  var fileNode: DefinitionNode
  var declared: [(field: GeoField, node: DefinitionNode)] = []

  init(_ node: DefinitionNode) throws(DefinitionError) {
    let entry = try node.mapping(known: ["name", "file", "fields"])
    name = try entry.required("name").identifier()
    fileNode = try entry.required("file")
    file = try fileNode.text(lengthMax: 512)
    for node in try entry["fields"]?.list(countMax: Self.fieldsMax) ?? [] {
      let keys = try node.mapping(known: ["name", "path", "type"])
      let nameNode = try keys.required("name")
      let name = try nameNode.identifier()
      guard !declared.contains(where: { $0.field.name == name }) else { throw nameNode.error("the field '\(name)' is declared twice") }
      let pathNode = try keys.required("path")
      let path = try pathNode.text(lengthMax: 256).split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard path.count <= GeoField.pathLengthMax, !path.contains("") else {
        throw pathNode.error(
          "'\(try pathNode.text)' is no way to a value",
          suggestion: "Write at most \(GeoField.pathLengthMax) keys with dots between, as in location.latitude.")
      }
      let kind = try keys.required("type").word(GeoField.Kind.allCases.map { ($0.rawValue, $0) }, kind: "type of field")
      declared.append((GeoField(name: name, kind: kind, paths: [path], isDeclared: true), node))
    }
  }

  /// The usual ones but for those that the bundle declares otherwise.
  private var fields: [GeoField] {
    GeoField.standard.filter { field in !declared.contains { $0.field.name == field.name } } + declared.map(\.field)
  }

  /// nil where nothing could be made of the bytes, which `findings` hears of.
  func table(_ bytes: [UInt8], _ findings: Findings) -> GeoTable? {
    do throws(GeoFault) {
      let table = try GeoTable(name: name, file: file, bytes: bytes, fields: fields)
      for (field, node) in declared where table.column(field.name) == nil {
        findings.add(node.error("no record of \(file) has a \(field.kind.rawValue) at '\(field.paths[0].joined(separator: "."))'"))
      }
      return table
    } catch {
      findings.add(
        DefinitionError(file: file, message: "the geo table can't be read: \(error)", suggestion: "Get the file anew from its maker."))
      return nil
    }
  }
}
