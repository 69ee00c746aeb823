import ArgumentParser
import Foundation
import Models
import Wire

extension BundleCommand {
  struct Inspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print what is in a bundle: files, signatures, features, rules, lists. Damaged files as far as they can be read.")
    @Argument(help: "A file that 'assay bundle build' or 'sign' made, or a bundle's directory.") var bundle: String
    @Option(help: ArgumentHelp("Public keys (PEM) to check signatures with.", valueName: "K.pub")) var trust: [String] = []
    @Option(help: ArgumentHelp("Print one of its files instead.", valueName: "PATH")) var file: String?

    func run() async throws {
      try await orOneLine {
        let (archive, problem) = try BundleSource.readable(bundle)
        if let file {
          guard let bytes = archive.files[file] else { throw OneLine("\(bundle) has no readable file '\(file)'") }
          return FileHandle.standardOutput.write(Data(bytes))
        }
        for path in archive.files.keys.sorted() {
          let bytes = archive.files[path]!
          print("file        \(path), \(NumberText.bytes(bytes.count)), sha256 \(Self.hex(sha256(bytes).prefix(8)))")
        }
        if let problem { throw OneLine("\(bundle) is damaged: \(problem)") }
        print("contents    \(Self.hex(BundleSignature.contentDigest(of: archive).prefix(16)))")
        for line in try signatures(archive) { print(line) }
        for line in try BundleSource(archive: archive).summary { print(line) }
      }
    }

    private func signatures(_ archive: BundleArchive) throws -> [String] {
      let keys = try BundleKeyFiles(paths: trust).load().keys
      let message = BundleSignature.message(of: archive)
      let found = try BundleSignature.all(in: archive)
      if found.isEmpty { return ["signature   none"] }
      return found.map { signature in
        guard let key = keys.first(where: { $0.id == signature.key }) else {
          return "signature   by \(signature.key), not checked: give --trust with its public key"
        }
        return "signature   by \(signature.key), \(key.verifies(signature.bytes, of: message) ? "valid" : "NOT OF THESE CONTENTS")"
      }
    }

    private static func hex(_ bytes: ArraySlice<UInt8>) -> String {
      bytes.map { $0 < 16 ? "0\(String($0, radix: 16))" : String($0, radix: 16) }.joined()
    }
  }

  struct Diff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what one bundle decides by that another doesn't: features, rules, thresholds, lists, models.")
    @Argument(help: "The bundle that decides now: a directory or a file.") var old: String
    @Argument(help: "The one that is to decide.") var new: String

    func run() async throws {
      try await orOneLine {
        let (a, b) = (try BundleSource(path: old), try BundleSource(path: new))
        let lines = BundleDifference((a.bundle, a.archive), (b.bundle, b.archive)).lines
        for line in lines { print(line) }
        if lines.isEmpty { print("they decide by the same") }
      }
    }
  }
}
