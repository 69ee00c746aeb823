import Wire

/// A signature in a bundle: a file `signatures/KEYID`, which the bundle's id covers like any other file.
///
/// What is signed is the text `assay bundle 1`, a zero byte, and the SHA-256 over the archive without the folder
/// `signatures/`: any number of people sign the same.
///
/// The file: u8 format (1), u8 0, then the signature as u16 length and bytes: 64 of Ed25519 (RFC 8032), DER of ECDSA.
public struct BundleSignature: Equatable, Sendable {
  public static let folder = "signatures/"
  static let countMax = 16
  private static let context = "assay bundle 1"

  public var key: SigningKeyID
  public var bytes: [UInt8]

  /// What a signature of the archive signs.
  public static func message(of archive: BundleArchive) -> [UInt8] {
    Array(context.utf8) + [0] + contentDigest(of: archive)
  }

  /// SHA-256 over the archive without its signatures: the same for the unsigned bundle and for each signed one.
  public static func contentDigest(of archive: BundleArchive) -> [UInt8] {
    sha256(BundleArchive(files: archive.files.filter { !$0.key.hasPrefix(folder) }).encode())
  }

  public init(signing archive: BundleArchive, with key: SigningKey) throws(SigningError) {
    self.key = key.id
    bytes = try key.sign(Self.message(of: archive))
  }

  public var path: String { Self.folder + key.description }

  public var file: [UInt8] {
    var out = WireWriter()
    out.write(UInt8(1))
    out.write(UInt8(0))
    out.write(UInt16(bytes.count))
    return out.bytes + bytes
  }

  init(path: String, file: [UInt8]) throws(DefinitionError) {
    guard let key = SigningKeyID(String(path.dropFirst(Self.folder.count))) else {
      throw DefinitionError(file: path, message: "this is no signature: its name is no key's id")
    }
    guard file.count > 4, file[0] == 1, file[1] == 0, file.count == 4 + Int(file[2]) + Int(file[3]) << 8 else {
      throw DefinitionError(file: path, message: "this is no signature, or one of a later version")
    }
    self.key = key
    bytes = Array(file[4...])
  }

  /// All that the archive has, by their keys' ids.
  public static func all(in archive: BundleArchive) throws(DefinitionError) -> [BundleSignature] {
    var found: [BundleSignature] = []
    for path in archive.files.keys.sorted() where path.hasPrefix(folder) {
      guard found.count < countMax else { throw DefinitionError(file: path, message: "a bundle has at most \(countMax) signatures") }
      found.append(try BundleSignature(path: path, file: archive.files[path]!))
    }
    return found
  }
}

/// Whose bundles are taken. Without keys, everybody's.
public struct BundleTrust: Sendable {
  public let keys: [VerifyingKey]

  public init(keys: [VerifyingKey] = []) { self.keys = keys }

  /// - Throws: why nobody who is trusted has signed the bundle, and what to do.
  public func check(_ archive: BundleArchive) throws(BundleRefusal) {
    guard !keys.isEmpty else { return }
    let signatures: [BundleSignature]
    do throws(DefinitionError) {
      signatures = try BundleSignature.all(in: archive)
    } catch {
      throw BundleRefusal("\(error)")
    }
    let advice = "sign it with 'assay bundle sign' and a key of \(keys.map(\.id.description).joined(separator: ", "))"
    guard !signatures.isEmpty else { throw BundleRefusal("the bundle is not signed, and this cluster takes only signed ones: \(advice)") }
    let message = BundleSignature.message(of: archive)
    for signature in signatures {
      guard let key = keys.first(where: { $0.id == signature.key }) else { continue }
      guard key.verifies(signature.bytes, of: message) else {
        throw BundleRefusal("the signature of key \(signature.key) is not of these contents: the bundle was changed after it was signed")
      }
      return
    }
    throw BundleRefusal(
      "the bundle is signed by \(signatures.map(\.key.description).joined(separator: ", ")), which is not trusted here: \(advice)")
  }
}

/// Why a bundle, sound in itself, may not decide here.
public struct BundleRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
