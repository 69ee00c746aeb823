import CEL
import Wire

/// A geo table of a bundle: a file in MaxMind DB format, by which rules and features know more of a transaction's IP address.
/// Immutable. What it says of an address depends on its bytes alone (R14).
public final class GeoTable: Sendable, Equatable {
  /// A value that rules may ask for.
  public struct Column: Sendable, Equatable {
    public let name: String
    /// string, double, int or bool.
    public let type: ValueType
    /// Different records that have it.
    public let records: Int
    let path: [String]
    let kind: GeoField.Kind
  }

  public let name: String
  /// Of the bundle.
  public let file: String
  /// What its maker calls its kind, such as `GeoLite2-City`.
  public var type: String { database.type }
  /// When it was built: its version. Seconds since the Unix epoch.
  public var buildEpoch: Int64 { database.buildEpoch }
  /// In words, UTC.
  public var built: String { Timestamp.text(buildEpoch * 1_000) }
  public var byteCount: Int { database.byteCount }
  /// Different records that addresses lead to.
  public let recordCount: Int
  /// Those of the usual fields that the file has, and what the bundle declares beyond them.
  public let columns: [Column]
  let database: GeoFile
  private let digest: [UInt8]

  /// Reads every record once, so that no lookup can find one that is damaged.
  init(name: String, file: String, bytes: [UInt8], fields: [GeoField]) throws(GeoFault) {
    database = try GeoFile(bytes)
    (self.name, self.file) = (name, file)
    let candidates = fields.enumerated().flatMap { field in field.element.paths.map { (field: field.offset, path: $0) } }
    let survey = GeoSurvey(database, candidates.map { ($0.path, fields[$0.field].kind) })
    try survey.run()
    recordCount = survey.recordCount
    columns = fields.indices.compactMap { field in
      let found = candidates.indices.first { candidates[$0].field == field && survey.counts[$0] > 0 }
      return found.map {
        Column(
          name: fields[field].name, type: fields[field].kind.type, records: survey.counts[$0], path: candidates[$0].path,
          kind: fields[field].kind)
      }
    }
    digest = sha256(bytes)
  }

  func column(_ name: String) -> Int? { columns.firstIndex { $0.name == name } }

  /// A reader of some columns; the places that it tells are those in `names`.
  func reader(_ names: [String]) -> GeoReader {
    GeoReader(
      database,
      names.map { name in
        let column = columns[column(name)!]
        return (column.path, column.kind)
      })
  }

  public static func == (a: GeoTable, b: GeoTable) -> Bool {
    a === b || a.digest == b.digest && a.name == b.name && a.columns == b.columns
  }
}

extension GeoField.Kind {
  var type: ValueType {
    switch self {
    case .text: .string
    case .number: .double
    case .integer: .int
    case .flag: .bool
    }
  }
}
