import COpenSSL
import NIOCore

/// One connection's TLS, free of sockets: bytes of the peer go in, bytes for the peer come out, in memory that is lent
/// for the call.
struct TLSSession: ~Copyable {
  private let handle: OpaquePointer
  /// The library's context must outlive the session's verification callbacks.
  private let context: TLSContextHandle

  init(_ context: TLSContextHandle, serverName: String?) throws(TLSError) {
    guard let handle = assay_tls_new(context.raw, serverName) else {
      throw TLSError.handshake("no session can be made: \(openSSLReason())")
    }
    self.handle = handle
    self.context = context
  }

  deinit { assay_tls_free(handle) }

  /// A TLS record's overhead is 22 bytes (RFC 8446, 5.2); its plaintext has at most 16 KiB.
  private static let recordMax = 16 * 1024
  private static let recordOverhead = 22

  enum Step {
    case done
    case wantsInput
    case closed
  }

  /// What `run` leaves to read of the peer's bytes is none: the library takes all that it is lent.
  func withInput<R>(_ input: UnsafeRawBufferPointer, _ run: () throws(TLSError) -> R) throws(TLSError) -> R {
    assay_tls_lend_input(handle, input.baseAddress, input.count)
    defer { assay_tls_end_input(handle) }
    return try run()
  }

  /// `done` once both sides have what they need.
  func handshake() throws(TLSError) -> Step {
    let result = assay_tls_handshake(handle)
    if result == assay_tls_wants_input { return .wantsInput }
    guard result > 0 else { throw failure(TLSError.handshake) }
    return .done
  }

  /// Appends all plaintext that can be had to `plain`.
  func read(into plain: inout ByteBuffer) throws(TLSError) -> Step {
    while true {
      var result: CInt = 0
      plain.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.recordMax) { window in
        result = assay_tls_read(handle, window.baseAddress, window.count)
        return max(0, Int(result))
      }
      if result > 0 { continue }
      if result == assay_tls_wants_input { return .wantsInput }
      if result == assay_tls_closed { return .closed }
      throw failure(TLSError.session)
    }
  }

  /// Encrypts `plain` and appends it to `cipher`.
  func write(_ plain: UnsafeRawBufferPointer, into cipher: inout ByteBuffer) throws(TLSError) {
    var isWritten = true
    let records = plain.count / Self.recordMax + 1
    let bound = plain.count + records * Self.recordOverhead
    cipher.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { window in
      assay_tls_lend_output(handle, window.baseAddress, window.count)
      var at = 0
      while isWritten, at < plain.count {
        let result = assay_tls_write(handle, plain.baseAddress! + at, plain.count - at)
        if result > 0 { at += Int(result) } else { isWritten = false }
      }
      return assay_tls_end_output(handle)
    }
    takeKept(into: &cipher)
    guard isWritten else { throw failure(TLSError.session) }
  }

  func shutdown() { assay_tls_shutdown(handle) }

  /// Handshake messages and alerts that wait to be sent.
  var hasKept: Bool { assay_tls_kept_output(handle) > 0 }

  func takeKept(into cipher: inout ByteBuffer) {
    let count = assay_tls_kept_output(handle)
    guard count > 0 else { return }
    cipher.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { window in
      assay_tls_take_output(handle, window.baseAddress, window.count)
    }
  }

  /// The peer's certificate, verified; nil where it showed none.
  var peer: CertificateInfo? { assay_tls_peer(handle).map { CertificateInfo(Certificate(owning: $0)) } }

  private func failure(_ make: (String) -> TLSError) -> TLSError {
    var isRefused = false
    let reason = openSSLText { isRefused = assay_tls_error(handle, $0, $1) == 1 }
    return isRefused ? .handshake("the peer refused this side: \(reason)") : make(reason)
  }
}
