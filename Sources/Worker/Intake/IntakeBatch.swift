import Models
import Wire

/// First station of a transaction: the rows of one `Submit` are cut out, checked against the schema, and grouped by home
/// partition. Reused from batch to batch.
public struct IntakeBatch {
  /// Rows that passed, grouped by partition in ascending order of range; within one in the order of arrival.
  public private(set) var rows: [RoutedRow] = []
  public private(set) var rejected: [(row: Int, Rejection)] = []
  /// Bytes of every row, by place in the request.
  public private(set) var ranges: [Range<Int>] = []
  private var slots: [Int32] = []
  private var starts: [Int32] = []
  private var unsorted: [RoutedRow] = []

  public init() {}

  /// - Throws: when the payload isn't a `Submit`; then no row of it is taken.
  public mutating func prepare(
    _ submit: Submit, _ payload: RawSpan, schema: Schema, table: RoutingTable, now: Int64
  ) throws(WireError) {
    ranges.removeAll(keepingCapacity: true)
    rejected.removeAll(keepingCapacity: true)
    unsorted.removeAll(keepingCapacity: true)
    slots.removeAll(keepingCapacity: true)
    rows.removeAll(keepingCapacity: true)
    try submit.locateRows(in: payload, into: &ranges)
    starts.removeAll(keepingCapacity: true)
    starts.append(contentsOf: repeatElement(0, count: table.entries.count + 1))
    for index in 0..<ranges.count {
      var row = payload.extracting(ranges[index])
      if submit.flags.contains(.labels) {
        guard Label(of: row) != nil else {
          rejected.append((index, Rejection(.malformed, field: "label", "a label has a finding and a version from 1 on")))
          continue
        }
        row = Label.record(of: row)
      }
      if let rejection = submit.flags.contains(.labels) ? schema.validateLabelled(row, now: now) : schema.validate(row, now: now) {
        rejected.append((index, rejection))
        continue
      }
      let key = TransactionView(trusted: row).keyHash
      let slot = table.index(of: key)
      unsorted.append(RoutedRow(range: ranges[index], key: key, index: index, partition: table.entries[slot].partition))
      slots.append(Int32(slot))
      starts[slot + 1] += 1
    }
    group()
  }

  /// Counting sort by partition.
  private mutating func group() {
    guard !unsorted.isEmpty else { return }
    for slot in 1..<starts.count { starts[slot] += starts[slot - 1] }
    rows.append(contentsOf: repeatElement(unsorted[0], count: unsorted.count))
    for (row, slot) in zip(unsorted, slots) {
      rows[Int(starts[Int(slot)])] = row
      starts[Int(slot)] += 1
    }
  }
}
