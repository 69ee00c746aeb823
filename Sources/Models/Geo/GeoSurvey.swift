/// Which fields the records of a file have.
final class GeoSurvey {
  private let database: GeoFile
  private let readers: [(reader: GeoReader, fields: [Int])]
  private(set) var counts: [Int]
  private(set) var recordCount = 0

  init(_ database: GeoFile, _ fields: [(path: [String], kind: GeoField.Kind)]) {
    self.database = database
    counts = [Int](repeating: 0, count: fields.count)
    // One path leads to one field of a reader.
    var groups: [[Int]] = []
    for index in fields.indices {
      let free = groups.firstIndex { group in !group.contains { fields[$0].path == fields[index].path } }
      if let free { groups[free].append(index) } else { groups.append([index]) }
    }
    readers = groups.map { group in (GeoReader(database, group.map { fields[$0] }), group) }
  }

  func run() throws(GeoFault) {
    try database.tree.visitRecords(dataSize: database.data.bytes.count) { record throws(GeoFault) in
      recordCount += 1
      for (reader, fields) in readers {
        var fault: GeoFault?
        try reader.read(record: record) { field, value in
          if case .text(let text) = value, String(validating: text, as: UTF8.self) == nil {
            fault = GeoFault(.text, at: record)
          }
          counts[fields[field]] += 1
        }
        if let fault { throw fault }
      }
    }
  }
}
