import Models
import Wire

/// A rejected transaction record as a quarantine line. The record is shown in hexadecimal, for it may be anything.
enum RecordExcerpt {
  private static let bytesMax = 500

  static func append(_ rejection: Rejection, _ record: RawSpan, source: String, time: Int64, to out: inout [UInt8]) {
    var text: [UInt8] = []
    record.withUnsafeBytes { bytes in
      for byte in bytes.prefix(bytesMax) {
        text.append(digit(byte >> 4))
        text.append(digit(byte & 15))
      }
    }
    QuarantineText.append(
      time: time, rejection: rejection, source: source, transactionID: transactionID(record), raw: text.span.bytes, to: &out)
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
