import Wire

/// Reads a list from CSV: a header, then an item a line.
///
/// ```csv
/// value,expires,note
/// 203.0.113.0/24,2026-12-31T00:00:00Z,abuse report 4711
/// 2001:db8::/32,,
/// ```
/// `value` is required. `expires` (RFC 3339) is the first moment at which the item counts no more, measured by the transaction's
/// own event time; without one it counts for ever. Other columns are for people. Lines that begin with `#` are comments.
struct ListFile {
  static let textLengthMax = 255
  /// Beyond this many faults a file is something else than a list.
  static let faultsMax = 20

  private let file: String
  private let type: ListType
  private var valueColumn = -1
  private var expiryColumn = -1
  private var cell: [UInt8] = []
  private var expiryCell: [UInt8] = []
  private(set) var faults: [DefinitionError] = []

  private var texts = TextSet()
  private var networks: [AddressSet.Network] = []
  private var numbers: [(value: Int64, expiry: Int64)] = []

  /// - Throws: what is wrong with it, at most `faultsMax` mistakes. Never an empty array.
  static func read(_ bytes: [UInt8], name: String, type: ListType, file: String) throws(ListFaults) -> MemberList {
    var reader = ListFile(file: file, type: type)
    var splitter = LineSplitter(framing: .csv(delimiter: UInt8(ascii: ",")))
    splitter.feed(bytes.span.bytes) { text, line in reader.add(text, line) }
    splitter.finish { text, line in reader.add(text, line) }
    if reader.valueColumn < 0, reader.faults.isEmpty { reader.fault(1, 1, "the file is empty", "Begin it with the line 'value,expires'.") }
    guard reader.faults.isEmpty else { throw ListFaults(errors: reader.faults) }
    return reader.finished(name)
  }

  private init(file: String, type: ListType) {
    self.file = file
    self.type = type
  }

  private mutating func fault(_ line: Int, _ column: Int, _ message: String, _ suggestion: String? = nil) {
    guard faults.count < Self.faultsMax else { return }
    faults.append(DefinitionError(file: file, line: line, column: column, message: message, suggestion: suggestion))
  }

  private mutating func add(_ text: RawSpan, _ line: LineSplitter.Line) {
    guard !line.isTooLong else { return fault(line.number, 1, "the line is too long") }
    guard text.byteCount > 0, text.textByte(0) != UInt8(ascii: "#"), faults.count < Self.faultsMax else { return }
    do throws(Rejection) {
      if valueColumn < 0 { try readHeader(text, line.number) } else { try readItem(text, line.number) }
    } catch {
      fault(line.number, 1, error.detail)
    }
  }

  private mutating func readHeader(_ text: RawSpan, _ line: Int) throws(Rejection) {
    var record = CSVRecord(text, delimiter: UInt8(ascii: ","))
    var names: [String] = []
    while let (range, _) = try record.next() {
      let name = record.bytes(of: range).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
      if name == "value" { valueColumn = names.count }
      if name == "expires" { expiryColumn = names.count }
      names.append(name)
    }
    if valueColumn < 0 {
      fault(line, 1, "the header has no column 'value'", "Begin the file with the line 'value' or 'value,expires'.")
      valueColumn = 0
    }
  }

  private mutating func readItem(_ text: RawSpan, _ line: Int) throws(Rejection) {
    var record = CSVRecord(text, delimiter: UInt8(ascii: ","))
    var column = 0
    var (valueAt, expiryAt) = (0, 0)
    cell.removeAll(keepingCapacity: true)
    expiryCell.removeAll(keepingCapacity: true)
    while let (range, hasQuotes) = try record.next() {
      if column == valueColumn {
        valueAt = range.lowerBound + 1
        if hasQuotes {
          record.unquote(range, into: &cell)
        } else {
          record.bytes(of: range).withUnsafeBytes { cell.append(contentsOf: $0) }
        }
      } else if column == expiryColumn {
        expiryAt = range.lowerBound + 1
        record.bytes(of: range).withUnsafeBytes { expiryCell.append(contentsOf: $0) }
      }
      column += 1
    }
    guard !cell.isEmpty else { return fault(line, max(valueAt, 1), "the line has no value") }
    var expiry = Expiries.never
    if !expiryCell.isEmpty {
      do throws(Timestamp.Failure) {
        expiry = try Timestamp.parse(expiryCell.span.bytes)
      } catch {
        return fault(
          line, expiryAt, "'\(String(decoding: expiryCell, as: UTF8.self))' is no time", "Write it as in 2026-12-31T23:00:00Z.")
      }
    }
    take(line, valueAt, expiry)
  }

  private mutating func take(_ line: Int, _ column: Int, _ expiry: Int64) {
    switch type {
    case .text, .prefix:
      guard cell.count <= Self.textLengthMax else {
        return fault(line, column, "the value has \(cell.count) bytes; at most \(Self.textLengthMax) are allowed")
      }
      guard String(validating: cell, as: UTF8.self) != nil else { return fault(line, column, "the value is not UTF-8") }
      cell.withUnsafeBytes { texts.insert($0, expiry: expiry) }
    case .number:
      guard let value = Int64(String(decoding: cell, as: UTF8.self)) else {
        return fault(line, column, "'\(String(decoding: cell, as: UTF8.self))' is no whole number")
      }
      numbers.append((value, expiry))
    case .ip:
      guard let network = Self.network(cell, expiry: expiry) else {
        return fault(
          line, column, "'\(String(decoding: cell, as: UTF8.self))' is no address and no network",
          "Write 203.0.113.7, 203.0.113.0/24, 2001:db8::1 or 2001:db8::/32.")
      }
      networks.append(network)
    }
  }

  private func finished(_ name: String) -> MemberList {
    switch type {
    case .text, .prefix:
      var texts = texts
      texts.finish()
      return MemberList(name: name, file: file, type: type, count: texts.count, content: .texts(texts))
    case .ip:
      let set = AddressSet(networks)
      return MemberList(name: name, file: file, type: type, count: set.count, content: .addresses(set))
    case .number:
      let sorted = numbers.sorted { $0 < $1 }
      var values: [Int64] = []
      var expiries = Expiries()
      for (at, item) in sorted.enumerated() where at + 1 == sorted.count || sorted[at + 1].value != item.value {
        values.append(item.value)
        expiries.append(item.expiry)
      }
      expiries.finish()
      return MemberList(name: name, file: file, type: type, count: values.count, content: .numbers(values, expiries))
    }
  }
}

/// All that is wrong with a list's file.
struct ListFaults: Error {
  var errors: [DefinitionError]
}

extension ListFile {
  /// `203.0.113.0/24`; an address alone is a network of one. Bits behind the prefix must not be set: who writes them means
  /// something else than the network.
  static func network(_ text: [UInt8], expiry: Int64) -> AddressSet.Network? {
    let slash = text.firstIndex(of: UInt8(ascii: "/")) ?? text.count
    var bytes: [UInt8] = []
    guard IPAddressText.parse(Array(text[..<slash]).span.bytes, into: &bytes) else { return nil }
    let bits = bytes.count * 8
    var prefix = bits
    if slash < text.count {
      let digits = text[(slash + 1)...]
      guard (1...3).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }), digits.count == 1 || digits.first != 48,
        let number = Int(String(decoding: digits, as: UTF8.self)), number <= bits
      else { return nil }
      prefix = number
    }
    let first = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
    let hosts: UInt128 = prefix == bits ? 0 : (UInt128.max >> UInt128(128 - (bits - prefix)))
    guard first & hosts == 0 else { return nil }
    return AddressSet.Network(first: first, last: first | hosts, isV4: bits == 32, expiry: expiry)
  }
}
