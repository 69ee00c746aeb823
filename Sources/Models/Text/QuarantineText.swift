import Wire

/// One quarantined transaction as an NDJSON line:
/// ```json
/// {"time":"2026-11-21T07:00:00.123Z","reason":"missing_field","field":"card","detail":"...","source":"submit",
///  "transaction_id":"t1","raw":"first bytes of what came"}
/// ```
public enum QuarantineText {
  public static let excerptMax = LineSplitter.excerptMax

  /// Appends one line with its line feed.
  ///
  /// - Parameters:
  ///   - instant: When it was refused, milliseconds since the epoch.
  ///   - source: Where it came from, such as `http` or `submit:file.ndjson:17`; cut after 512 bytes.
  ///   - transactionID: Empty where it couldn't be read.
  ///   - raw: What came. At most `excerptMax` bytes are written; what isn't UTF-8 becomes U+FFFD, and what may be a
  ///     card number becomes asterisks.
  public static func append(
    time instant: Int64, rejection: Rejection, source: String, transactionID: RawSpan, raw: RawSpan,
    to out: inout [UInt8]
  ) {
    let field = clean(rejection.field.utf8.prefix(256))
    let detail = clean(rejection.detail.utf8.prefix(1024))
    let source = clean(source.utf8.prefix(512))
    let id = clean(transactionID.extracting(first: TransactionView.tokenLengthMax).withUnsafeBytes { Array($0) }[...])
    // A little more than is written, so that a card number on the edge is still seen as one.
    let window = raw.extracting(first: excerptMax + 40).withUnsafeBytes { Array($0) }
    let excerpt = cut(clean(window[...]), excerptMax)
    let bound = 256 + 6 * (field.count + detail.count + source.count + id.count + excerpt.count)
    out.appendText(bound: bound) { cursor in
      cursor.put("{\"time\":")
      cursor.put(instant: instant)
      cursor.put(",\"reason\":\"")
      cursor.put(Array(rejection.reason.code.utf8))
      cursor.put("\",\"field\":")
      cursor.put(quoted: field.span.bytes)
      cursor.put(",\"detail\":")
      cursor.put(quoted: detail.span.bytes)
      cursor.put(",\"source\":")
      cursor.put(quoted: source.span.bytes)
      if !id.isEmpty {
        cursor.put(",\"transaction_id\":")
        cursor.put(quoted: id.span.bytes)
      }
      cursor.put(",\"raw\":")
      cursor.put(quoted: excerpt.span.bytes)
      cursor.put("}\n")
    }
  }

  private static func clean(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var bytes = Array(bytes)
    CardNumberCheck.mask(&bytes)
    return UTF8Sequence.isValid(bytes.span.bytes) ? bytes : Array(String(decoding: bytes, as: UTF8.self).utf8)
  }

  /// The first bytes, at most `count`, ending between characters.
  private static func cut(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
    guard bytes.count > count else { return bytes }
    var end = count
    while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
    return Array(bytes[..<end])
  }
}
