import ArgumentParser
import Foundation
import Models
import Wire

extension BundleCommand {
  struct Key: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a key that signs bundles (Ed25519).",
      discussion: """
        NAME.key stays with whoever releases bundles; NAME.pub goes into `trusted_bundle_keys` of every coordinator and worker. Any \
        Ed25519 or ECDSA key in PEM does as well (openssl genpkey).
        """)
    @Option(help: ArgumentHelp("Write NAME.key and NAME.pub.", valueName: "NAME")) var out: String

    func run() async throws {
      try await orOneLine {
        let key = try SigningKey.create()
        try CertificateFile.write(key.privatePEM, to: "\(out).key", isSecret: true)
        try CertificateFile.write(key.publicPEM, to: "\(out).pub", isSecret: false)
        print("\(out).key, \(out).pub: key \(key.id)")
      }
    }
  }

  struct Sign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Sign a bundle.",
      discussion: """
        The signature is a file of the bundle, so the signed bundle has an id of its own; what is signed, the contents, stays the \
        same ('assay bundle inspect' shows both). Several may sign.
        """)
    @Argument(help: "A file that 'assay bundle build' made, or a bundle's directory.") var bundle: String
    @Option(help: ArgumentHelp("The private key, PEM.", valueName: "K.key")) var key: String
    @Option(help: ArgumentHelp("Write the signed bundle here.", valueName: "F.bundle")) var out: String
    @Flag(help: "Replace the file if it exists.") var force = false

    func run() async throws {
      try await orOneLine {
        let source = try BundleSource(checking: bundle)
        let pem = try CertificateFile.readSecret(key)
        let signer: SigningKey
        do throws(SigningError) { signer = try SigningKey(pem: pem) } catch { throw OneLine("\(key): \(error)") }
        var archive = source.archive
        let signature = try BundleSignature(signing: archive, with: signer)
        archive.files[signature.path] = signature.file
        let signed = try BundleSource(archive: archive)
        try FreshFile.write(signed.contents, to: out, replacing: force)
        print("\(out): \(signed.bundle.name), id \(signed.bundle.id), signed by \(signer.id)")
      }
    }
  }
}
