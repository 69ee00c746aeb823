import Wire

/// The token of an entity as people write it, and as transactions have it: an IP address is text to the ones, and 4 or 16 bytes to
/// the others.
public enum EntityToken {
  /// What a transaction has as the token; nil where the text is no IP address and one is expected.
  public static func bytes(of text: String, kind: EntityKind) -> [UInt8]? {
    let written = Array(text.utf8)
    guard kind == .ip else { return written }
    var address: [UInt8] = []
    return IPAddressText.parse(written.span.bytes, into: &address) ? address : nil
  }

  /// The text of a transaction's token; what is no UTF-8 is replaced.
  public static func text(of token: RawSpan, kind: EntityKind) -> String {
    kind == .ip ? IPAddressText.text(token) : token.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}
