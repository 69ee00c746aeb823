import Models
import NIOCore
import Wire

extension TransactionBatch {
  /// The same from a request's body.
  init(_ body: ByteBuffer, _ parser: inout TransactionJSON, labelField: Int? = nil) throws(Defect) {
    let result = body.withUnsafeReadableBytes { bytes in
      Result { () throws(Defect) in try TransactionBatch(RawSpan(_unsafeBytes: bytes), &parser, labelField: labelField) }
    }
    self = try result.get()
  }

  /// The first bytes of what could not be read, for the quarantine.
  static func excerpt(_ body: ByteBuffer) -> [UInt8] { Array(body.readableBytesView.prefix(Quarantine.excerptMax)) }
}
