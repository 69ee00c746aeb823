import Models
import Wire

/// A rejected transaction record as a quarantine line: as JSON where its structure holds, in hexadecimal where it may be
/// anything.
enum RecordExcerpt {
  private static let bytesMax = 500

  static func append(_ rejection: Rejection, _ record: RawSpan, source: String, time: Int64, to out: inout [UInt8]) {
    var text: [UInt8] = []
    if isWhole(record), rejection.reason != .invalidUTF8 {
      json.appendJSON(TransactionView(trusted: record), to: &text)
    } else {
      appendHexadecimal(record, to: &text)
    }
    QuarantineText.append(
      time: time, rejection: rejection, source: source, transactionID: transactionID(record), raw: text.span.bytes, to: &out)
  }

  /// Whether all parts lie within the record, so that it may be read as one.
  private static func isWhole(_ record: RawSpan) -> Bool {
    guard record.byteCount >= TransactionView.fixedSize else { return false }
    var end = TransactionView.fixedSize + Int(record.unsafeLoad(fromByteOffset: 5, as: UInt8.self))
    for at in 28..<34 { end += Int(record.unsafeLoad(fromByteOffset: at, as: UInt8.self)) }
    return end <= record.byteCount
  }

  private static let json = TransactionText()

  private static func appendHexadecimal(_ record: RawSpan, to text: inout [UInt8]) {
    record.withUnsafeBytes { bytes in
      for byte in bytes.prefix(bytesMax) {
        text.append(digit(byte >> 4))
        text.append(digit(byte & 15))
      }
    }
  }

  /// The id, where the record is whole enough to have one.
  @_lifetime(copy record)
  private static func transactionID(_ record: RawSpan) -> RawSpan {
    guard record.byteCount > TransactionView.fixedSize else { return record.extracting(0..<0) }
    let length = Int(record.unsafeLoad(fromByteOffset: 28, as: UInt8.self))
    let end = TransactionView.fixedSize + length
    guard length <= TransactionView.tokenLengthMax, end <= record.byteCount else { return record.extracting(0..<0) }
    return record.extracting(TransactionView.fixedSize..<end)
  }

  private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }
}
