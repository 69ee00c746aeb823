import Foundation
import Models
import Testing
import Wire

@testable import Worker

@Suite("Bundles on a worker's disk") struct BundleStoreTests {
  static func archive(tests: String? = nil) -> BundleArchive {
    var files = ["bundle.yaml": "version: 1\nname: b\nfeatures: features.yaml\n"]
    files["features.yaml"] = "version: 1\nfeatures:\n  - {name: count_1h, aggregate: count, window: 1h}\n"
    files["tests/a.yaml"] = tests
    return BundleArchive(files: files.mapValues { Array($0.utf8) })
  }

  static func test(expecting count: Int) -> String {
    """
    version: 1
    tests:
      - name: one
        steps:
          - transaction: {transaction_id: t, event_time: 2026-01-05T10:00:00Z, amount: 1, currency: EUR, card: c}
            expect: {features: {count_1h: \(count)}}
    """
  }

  static func withStore(_ trust: BundleTrust, _ body: (BundleStore, _ directory: String) throws -> Void) throws {
    let directory = NSTemporaryDirectory() + "assay-bundles-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(try BundleStore(directory: directory, trust: trust), directory)
  }

  @Test func `what is to decide must be signed; what a log names has decided`() throws {
    let key = try SigningKey.create()
    let trust = BundleTrust(keys: [try VerifyingKey(pem: key.publicPEM)])
    try Self.withStore(trust) { store, directory in
      var archive = Self.archive()
      let unsigned = archive.encode()
      let id = BundleID(contents: unsigned)
      #expect(throws: BundleRefusal.self) { try store.store(unsigned, id, isCandidate: true) }
      #expect(try store.bundle(id) == nil, "it is not kept either")
      #expect(try store.store(unsigned, id, isCandidate: false).id == id)
      // Loaded or on disk, it may still not become the one that decides.
      #expect(throws: BundleRefusal.self) { try store.candidate(id) }
      #expect(try BundleStore(directory: directory, trust: trust).bundle(id)?.id == id)

      let signature = try BundleSignature(signing: archive, with: key)
      archive.files[signature.path] = signature.file
      let signed = archive.encode()
      let loaded = try store.store(signed, BundleID(contents: signed), isCandidate: true)
      #expect(loaded.name == "b")
      let (known, unknown) = (try store.candidate(loaded.id), try store.candidate(BundleID(high: 1, low: 1)))
      #expect(known != nil && unknown == nil)
    }
  }

  @Test func `a bundle whose tests come out otherwise here is refused`() throws {
    try Self.withStore(BundleTrust()) { store, _ in
      let good = Self.archive(tests: Self.test(expecting: 1)).encode()
      let loaded = try store.store(good, BundleID(contents: good), isCandidate: true)
      #expect(loaded.name == "b")
      let bad = Self.archive(tests: Self.test(expecting: 2)).encode()
      let error = #expect(throws: BundleRefusal.self) { try store.store(bad, BundleID(contents: bad), isCandidate: true) }
      #expect(error?.description.contains("count_1h is 1.0, expected 2.0") == true)
    }
  }
}
