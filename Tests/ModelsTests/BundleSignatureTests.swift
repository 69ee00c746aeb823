import Testing
import Wire

@testable import Models

@Suite("Bundles: signatures")
struct BundleSignatureTests {
  static func refusal(_ archive: BundleArchive, _ keys: [SigningKey]) throws -> String? {
    let trust = BundleTrust(keys: try keys.map { try VerifyingKey(pem: $0.publicPEM) })
    do throws(BundleRefusal) {
      try trust.check(archive)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func whoeverIsTrustedMustHaveSignedTheseContents() throws {
    let (own, other) = (try SigningKey.create(), try SigningKey.create())
    var archive = BundleRulesTests.archive([:])
    #expect(try Self.refusal(archive, []) == nil)
    #expect(try Self.refusal(archive, [own])?.hasPrefix("the bundle is not signed") == true)
    let content = BundleSignature.contentDigest(of: archive)
    let foreign = try BundleSignature(signing: archive, with: other)
    archive.files[foreign.path] = foreign.file
    #expect(try Self.refusal(archive, [own])?.contains("signed by \(other.id), which is not trusted") == true)
    // A second signature signs the same.
    let signature = try BundleSignature(signing: archive, with: own)
    archive.files[signature.path] = signature.file
    #expect(BundleSignature.contentDigest(of: archive) == content)
    #expect(try Self.refusal(archive, [own]) == nil)
    #expect(try Self.refusal(archive, [other, own]) == nil)
    #expect(try BundleSignature.all(in: archive).map(\.key.description) == [own.id, other.id].map(\.description).sorted())
    // The bundle is read as before.
    #expect(BundleCheck.findings(in: archive) == [])

    var changed = archive
    changed.files["features.yaml"]![0] ^= 1
    #expect(try Self.refusal(changed, [own])?.contains("changed after it was signed") == true)
    var renamed = archive
    renamed.files["rules/new.cel"] = []
    #expect(try Self.refusal(renamed, [own])?.contains("changed after it was signed") == true)
  }

  @Test func anECDSAKeySignsAsWell() throws {
    // An authority of certificates has a key on P-256.
    let key = try SigningKey(pem: try CertificateAuthority.create(realm: "test").key)
    let again = try SigningKey(pem: key.privatePEM)
    #expect(key.id == again.id)
    var archive = BundleRulesTests.archive([:])
    let signature = try BundleSignature(signing: archive, with: again)
    archive.files[signature.path] = signature.file
    #expect(try Self.refusal(archive, [key]) == nil)
  }

  @Test func damagedSignaturesAreRefused() throws {
    let key = try SigningKey.create()
    var archive = BundleRulesTests.archive([:])
    let signature = try BundleSignature(signing: archive, with: key)
    for (file, part) in [
      (Array(signature.file.dropLast()), "no signature, or one of a later version"), ([2] + signature.file.dropFirst(), "later version"),
      ([], "later"),
    ] {
      archive.files[signature.path] = file
      #expect(try Self.refusal(archive, [key])?.contains(part) == true)
    }
    archive.files[signature.path] = nil
    archive.files["signatures/nobody"] = signature.file
    #expect(try Self.refusal(archive, [key])?.contains("its name is no key's id") == true)
    #expect(throws: SigningError.self) { try SigningKey(pem: Array("nothing".utf8)) }
    #expect(throws: SigningError.self) { try VerifyingKey(pem: key.privatePEM) }
  }

  /// The format of the file, and what is signed, never change: bundles outlive programs.
  @Test func goldenBytes() throws {
    let archive = BundleArchive(files: ["a": [1], "signatures/0123456789abcdef": [9], "z/b": []])
    #expect(
      BundleArchive(files: ["a": [1], "z/b": []]).encode()
        == [0x41, 0x53, 0x42, 0x55, 0x4E, 0x44, 0x4C, 0x31, 2, 0, 0, 0, 1, 0, 0x61, 1, 0, 0, 0, 1, 3, 0, 0x7A, 0x2F, 0x62, 0, 0, 0, 0])
    let message = BundleSignature.message(of: archive)
    #expect(message.prefix(15).elementsEqual(Array("assay bundle 1".utf8) + [0]) && message.count == 47)
    #expect(Array(message.dropFirst(15)) == sha256(BundleArchive(files: ["a": [1], "z/b": []]).encode()))
    let signature = try BundleSignature(path: "signatures/0123456789abcdef", file: [1, 0, 2, 0, 7, 8])
    #expect(signature.bytes == [7, 8] && signature.file == [1, 0, 2, 0, 7, 8] && signature.path == "signatures/0123456789abcdef")
  }
}
