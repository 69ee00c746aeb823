import COpenSSL
import Foundation
import Testing

@testable import Wire

@Suite final class TLSCertificateTests {
  private let folder: String = {
    let path = NSTemporaryDirectory() + "assay-certificates-" + UUID().uuidString
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }()

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func issue(_ name: String, by authority: CertificateAuthority, hosts: [String] = []) throws -> TLSCredentials {
    try authority.issue(#require(SubjectName(realm: "test", role: .node, name: name)), hosts: hosts)
  }

  private func text(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func `an issued certificate says who, where and until when`() throws {
    let now: Int64 = 1_800_000_000
    let authority = try CertificateAuthority.create(realm: "test", now: now)
    #expect(authority.info.isAuthority)
    #expect(authority.info.notAfter == now + 3650 * 86_400)
    let name = try #require(SubjectName(realm: "test", role: .coordinator, name: "c-1"))
    let issued = try authority.issue(name, hosts: ["localhost", "127.0.0.1", "::1"], now: now)
    #expect(issued.info.subject == "CN=c-1,O=Assay")
    #expect(issued.info.name == name)
    #expect(issued.info.hosts == ["localhost"])
    #expect(issued.info.addresses == ["127.0.0.1", "::1"])
    #expect(issued.info.notAfter == now + 730 * 86_400)
    #expect(!issued.info.isAuthority)
    #expect(authority.issued(issued))
    #expect(try !CertificateAuthority.create(realm: "test", now: now).issued(issued))
  }

  @Test func `no certificate outlives its authority`() throws {
    let now: Int64 = 1_800_000_000
    let authority = try CertificateAuthority.create(realm: "test", now: now)
    let name = try #require(SubjectName(realm: "test", role: .node, name: "n"))
    let late = try authority.issue(name, now: now + 3600 * 86_400)
    #expect(late.info.notAfter == authority.info.notAfter)
  }

  @Test func `a host that could smuggle in a second name is refused`() throws {
    let authority = try CertificateAuthority.create(realm: "test")
    for host in ["", "a,URI:assay://test/admin/root", "a b", "a:b"] {
      #expect(throws: TLSError.certificate("'\(host)' is neither a DNS name nor an IP address")) {
        try issue("n", by: authority, hosts: [host])
      }
    }
  }

  @Test func `files are written once, keys for their owner only`() throws {
    let authority = try CertificateAuthority.create(realm: "test")
    let path = folder + "/ca.key"
    try CertificateFile.write(authority.key, to: path, isSecret: true)
    let mode = try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    #expect(mode == 0o600)
    #expect(try CertificateFile.readSecret(path) == authority.key)
    #expect(
      text { try CertificateFile.write([], to: path, isSecret: true) }
        == "\(path): it exists already and is not overwritten: move it away first")
    let open = folder + "/open.key"
    try CertificateFile.write(authority.key, to: open, isSecret: false)
    #expect(text { _ = try CertificateFile.readSecret(open) }.contains("every user of this host can read the key"))
  }

  @Test func `what is wrong with the files is said in one line`() throws {
    let authority = try CertificateAuthority.create(realm: "test")
    let one = try issue("one", by: authority)
    let two = try issue("two", by: authority)
    let files = TLSFiles(
      certificate: folder + "/one.pem", key: folder + "/one.key", authority: folder + "/ca.pem")
    try CertificateFile.write(one.certificate, to: files.certificate, isSecret: false)
    try CertificateFile.write(one.key, to: files.key, isSecret: true)
    try CertificateFile.write(authority.certificate, to: files.authority, isSecret: false)
    _ = try files.serverContext()
    _ = try files.clientContext()

    var other = files
    other.key = folder + "/two.key"
    try CertificateFile.write(two.key, to: other.key, isSecret: true)
    #expect(
      text { _ = try other.load() }
        == "\(files.certificate): the key is not that of the certificate of CN=one,O=Assay: give the two that were issued together"
    )

    other = files
    other.certificate = folder + "/none.pem"
    #expect(
      text { _ = try other.load() }
        == "\(folder)/none.pem: there is no such file: check the path, or make certificates (assay certs)")

    other = files
    other.certificate = files.key
    #expect(text { _ = try other.load() }.hasPrefix("\(files.key): there is no PEM certificate in it"))

    other = files
    other.key = folder + "/damaged.key"
    try CertificateFile.write(Array("-----BEGIN PRIVATE KEY-----\nMIG\n".utf8), to: other.key, isSecret: true)
    #expect(text { _ = try other.load() }.hasPrefix("\(other.key): there is no readable PEM private key in it"))

    other = files
    other.authority = files.certificate
    #expect(
      text { _ = try other.load() } == "\(files.certificate): this is no authority: give the cluster's CA certificate")
  }

  @Test func `an expired certificate says since when and what to do`() throws {
    let then: Int64 = 1_700_000_000
    let authority = try CertificateAuthority.create(realm: "test", now: then)
    let name = try #require(SubjectName(realm: "test", role: .node, name: "n"))
    let old = try authority.issue(name, validDays: 1, now: then)
    #expect(
      text { _ = try TLSCredentials(certificate: old.certificate, key: old.key, now: then + 2 * 86_400) }
        == "the certificate of CN=n,O=Assay expired on 2023-11-15 22:13 UTC: issue a new one (assay certs issue)")
    #expect(
      text { _ = try TLSCredentials(certificate: old.certificate, key: old.key, now: then - 2 * 86_400) }
        .contains("is not valid before 2023-11-14 21:13 UTC: check the clock of this host"))
  }

  @Test func `SHA-256, HMAC and the generator are the library's`() {
    var digest = [UInt8](repeating: 0, count: 32)
    #expect(assay_sha256("abc", 3, &digest) == 1)
    #expect(digest.prefix(4) == [0xBA, 0x78, 0x16, 0xBF])  // FIPS 180-4, example of one block
    #expect(assay_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, &digest) == 1)
    #expect(digest.prefix(4) == [0x5B, 0xDC, 0xC1, 0x46])  // RFC 4231, test case 2
    var random = [UInt8](repeating: 0, count: 32)
    #expect(assay_random(&random, 32) == 1)
    #expect(random != [UInt8](repeating: 0, count: 32))
  }
}
