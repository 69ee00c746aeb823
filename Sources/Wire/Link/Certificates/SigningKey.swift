import COpenSSL

/// Who signed: the first 8 bytes of the SHA-256 over a public key (SubjectPublicKeyInfo), as 16 hexadecimal digits.
public struct SigningKeyID: Hashable, Sendable, CustomStringConvertible {
  public let description: String

  /// nil unless it is 16 lower-case hexadecimal digits.
  public init?(_ text: String) {
    guard text.utf8.count == 16, text.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else { return nil }
    description = text
  }

  fileprivate init(_ key: OpaquePointer) throws(SigningError) {
    var digest = [UInt8](repeating: 0, count: 32)
    guard assay_public_key_digest(key, &digest) == 1 else { throw SigningError("the key can't be read: \(openSSLReason())") }
    description = digest.prefix(8).map { $0 < 16 ? "0\(String($0, radix: 16))" : String($0, radix: 16) }.joined()
  }
}

/// Why a key or a signature was refused, in words for an operator.
public struct SigningError: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// A private key that signs bundles: Ed25519, or ECDSA with SHA-256. By the system's libcrypto.
public final class SigningKey: @unchecked Sendable {
  /// Never changed after it was made.
  private let handle: OpaquePointer
  public let id: SigningKeyID

  /// A new Ed25519 key.
  public static func create() throws(SigningError) -> SigningKey {
    guard let handle = assay_signing_key_new() else { throw SigningError("no key can be made: \(openSSLReason())") }
    return try SigningKey(owning: handle)
  }

  /// From PKCS #8 PEM without a password.
  public convenience init(pem: [UInt8]) throws(SigningError) {
    guard let handle = assay_key_read(pem, pem.count) else {
      throw SigningError("there is no private key in it, or it has a password: \(openSSLReason())")
    }
    try self.init(owning: handle)
  }

  private init(owning handle: OpaquePointer) throws(SigningError) {
    self.handle = handle
    guard assay_key_can_sign(handle) == 1 else {
      assay_key_free(handle)
      throw SigningError("it is neither Ed25519 nor ECDSA: make one with 'assay bundle key'")
    }
    do throws(SigningError) {
      id = try SigningKeyID(handle)
    } catch {
      assay_key_free(handle)
      throw error
    }
  }

  deinit { assay_key_free(handle) }

  public func sign(_ bytes: [UInt8]) throws(SigningError) -> [UInt8] {
    var signature = [UInt8](repeating: 0, count: 256)
    let length = assay_sign(handle, bytes, bytes.count, &signature, signature.count)
    guard length > 0 else { throw SigningError("the key does not sign: \(openSSLReason())") }
    return Array(signature.prefix(length))
  }

  public var privatePEM: [UInt8] { pem { assay_key_write(handle, $0, $1) } }
  public var publicPEM: [UInt8] { pem { assay_public_key_write(handle, $0, $1) } }

  private func pem(_ write: (UnsafeMutableRawPointer?, Int) -> Int) -> [UInt8] {
    var text = [UInt8](repeating: 0, count: 4096)
    let length = text.withUnsafeMutableBytes { write($0.baseAddress, $0.count) }
    return Array(text.prefix(length))
  }
}

/// The public half, of someone who is trusted.
public final class VerifyingKey: @unchecked Sendable {
  /// Never changed after it was made.
  private let handle: OpaquePointer
  public let id: SigningKeyID

  /// From PEM (SubjectPublicKeyInfo), as `assay bundle key` and `openssl pkey -pubout` write it.
  public init(pem: [UInt8]) throws(SigningError) {
    guard let handle = assay_public_key_read(pem, pem.count) else {
      throw SigningError("there is no public key in it: \(openSSLReason())")
    }
    self.handle = handle
    guard assay_key_can_sign(handle) == 1 else {
      assay_key_free(handle)
      throw SigningError("it is neither Ed25519 nor ECDSA")
    }
    do throws(SigningError) {
      id = try SigningKeyID(handle)
    } catch {
      assay_key_free(handle)
      throw error
    }
  }

  deinit { assay_key_free(handle) }

  public func verifies(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
    assay_verify(handle, bytes, bytes.count, signature, signature.count) == 1
  }
}
