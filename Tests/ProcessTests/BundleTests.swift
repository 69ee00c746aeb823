import Foundation
import Testing

/// A team's way with a bundle: check, test, build, sign, compare, backtest, activate, export.
@Suite(.serialized) final class BundleTests {
  private let directory: String

  init() throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("assay-bundle-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  private func write(_ files: [String: String], to name: String) throws -> String {
    for (path, text) in files {
      let file = "\(directory)/\(name)/\(path)"
      try FileManager.default.createDirectory(
        atPath: URL(fileURLWithPath: file).deletingLastPathComponent().path, withIntermediateDirectories: true)
      try text.write(toFile: file, atomically: true, encoding: .utf8)
    }
    return "\(directory)/\(name)"
  }

  private func run(_ arguments: String..., fails: Bool = false) throws -> String {
    let result = try AssayBinary.run(arguments)
    #expect((result.status != 0) == fails, "\(arguments): \(result.output)\(result.errors)")
    return result.output + result.errors
  }

  private static let files = [
    "bundle.yaml": "version: 1\nname: rules\nfeatures: features.yaml\nthresholds: {review: 1}\n",
    "features.yaml": """
    version: 1
    features:
      - {name: amount, aggregate: field, of: amount}
      - {name: count_1h, aggregate: count, window: 1h}
      - {name: mean_7d, aggregate: mean, window: 7d}
      - {name: to_mean, aggregate: ratio, of: amount, by: mean_7d}
      - {name: merchants_24h, aggregate: distinct, of: merchant, window: 24h}
    """,
    "rules/a.yaml": """
    version: 1
    rules:
      - {id: burst, when: card.count_1h >= 4.0, reason: BURST, action: review}
      - {id: large, when: card.to_mean > 4.0, reason: LARGE, action: decline, mode: shadow}
    """,
    "tests/a.yaml": """
    version: 1
    tests:
      - name: one payment is nothing
        steps:
          - transaction: {transaction_id: t1, event_time: 2026-01-05T10:00:00Z, amount: 1, currency: EUR, card: c}
            expect: {action: approve, features: {count_1h: 1}}
    """,
  ]

  @Test("mistakes are told all at once, and what has one is neither built nor signed")
  func mistakes() throws {
    var files = Self.files
    files["rules/a.yaml"] = files["rules/a.yaml"]!.replacing("card.count_1h", with: "card.count_1hr").replacing("decline", with: "declin")
    let bundle = try write(files, to: "bad")
    let told = try run("bundle", "check", bundle, fails: true)
    #expect(
      told.contains("bad/rules/a.yaml:3:23: rule 'burst': there is no variable 'card.count_1hr'. Did you mean 'card.count_1h'?"), "\(told)")
    #expect(told.contains("'declin' is not a known action. Did you mean 'decline'?") && told.contains("has 2 mistakes"), "\(told)")
    #expect(try run("bundle", "build", bundle, "--out", "\(directory)/bad.bundle", fails: true).contains("has 2 mistakes"))
    files = Self.files
    files["tests/a.yaml"] = files["tests/a.yaml"]!.replacing("count_1h: 1", with: "count_1h: 2")
    let failing = try write(files, to: "failing")
    #expect(try run("bundle", "check", failing).contains("bundle      rules"))
    let failed = try run("bundle", "build", failing, "--out", "\(directory)/bad.bundle", fails: true)
    #expect(failed.contains("failing/tests/a.yaml:6:56:") && failed.contains("count_1h is 1.0, expected 2.0"), "\(failed)")
    #expect(!FileManager.default.fileExists(atPath: "\(directory)/bad.bundle"))
  }

  @Test("a bundle is built, signed, inspected and compared")
  func signing() throws {
    let bundle = try write(Self.files, to: "good")
    #expect(try run("bundle", "test", bundle).contains("1 tests pass"))
    _ = try run("bundle", "build", bundle, "--out", "\(directory)/a.bundle")
    _ = try run("bundle", "build", bundle, "--out", "\(directory)/b.bundle")
    #expect(FileManager.default.contentsEqual(atPath: "\(directory)/a.bundle", andPath: "\(directory)/b.bundle"))
    _ = try run("bundle", "key", "--out", "\(directory)/release")
    #expect(try run("bundle", "key", "--out", "\(directory)/release", fails: true).contains("exists already"))
    _ = try run("bundle", "sign", "\(directory)/a.bundle", "--key", "\(directory)/release.key", "--out", "\(directory)/s.bundle")
    let inspected = try run("bundle", "inspect", "\(directory)/s.bundle", "--trust", "\(directory)/release.pub")
    #expect(inspected.contains(", valid") && inspected.contains("file        rules/a.yaml"), "\(inspected)")
    #expect(try run("bundle", "diff", "\(directory)/a.bundle", "\(directory)/s.bundle").contains("+ file signatures/"))

    var other = Self.files
    other["rules/a.yaml"] = other["rules/a.yaml"]!.replacing("mode: shadow", with: "mode: on")
    let changed = try run("bundle", "diff", "\(directory)/a.bundle", try write(other, to: "other"))
    #expect(changed == "~ rule large: mode shadow -> on\n", "\(changed)")

    // A signed bundle that was changed is found out; one that is cut off is read as far as it goes.
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(directory)/s.bundle")))
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: "action: review".utf8) })
    bytes.replaceSubrange(place..<place + 14, with: "action: revieu".utf8)
    try Data(bytes).write(to: URL(fileURLWithPath: "\(directory)/forged.bundle"))
    #expect(
      try run("bundle", "inspect", "\(directory)/forged.bundle", "--trust", "\(directory)/release.pub", fails: true).contains(
        "NOT OF THESE CONTENTS"))
    try Data(bytes.dropLast(40)).write(to: URL(fileURLWithPath: "\(directory)/cut.bundle"))
    let cut = try run("bundle", "inspect", "\(directory)/cut.bundle", fails: true)
    #expect(cut.contains("file        bundle.yaml") && cut.contains("damaged"), "\(cut)")
  }

  @Test("a backtest counts what a cluster decides, and an export has the digest of what it computed")
  func parity() throws {
    let bundle = try write(Self.files, to: "good")
    let (input, labels) = ("\(directory)/t.ndjson", "\(directory)/l.csv")
    _ = try run(
      "generate", "--transactions", "6000", "--seed", "5", "--fraud-rate", "0.05", "--cards", "100", "--days", "5", "--out", input,
      "--labels",
      labels)
    let cluster = try TestCluster(workers: 1, partitions: 3, replicas: 1)
    _ = try run("bundle", "activate", bundle, "--cluster", cluster.directory, "--wait")
    let decisions = "\(directory)/d.ndjson"
    _ = try run("submit", input, "--cluster", cluster.directory, "--decisions", decisions, "--with-features")
    let decided = try lines(of: decisions)
    #expect(decided.count == 6_000)
    let reviewed = try decided.filter { try field("action", of: $0) == "review" }
    #expect(reviewed.count > 100)

    for threads in ["1", "3"] {
      let told = try run("backtest", "--bundle", bundle, "--input", input, "--labels", labels, "--threads", threads)
      let rows = told.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      func hits(_ name: String) -> Int? {
        rows.first { $0.prefix(2).joined(separator: " ") == name || $0.first == name }.flatMap { row in
          row.dropFirst(name.split(separator: " ").count).compactMap { Int($0.filter { $0 != "," && $0 != " " }) }.first
        }
      }
      #expect(hits("review") == reviewed.count && hits("rule burst") == reviewed.count, "\(told)")
      #expect(told.contains("rule large (shadow)"), "\(told)")
      let exported = try run(
        "export", "--features", "--bundle", bundle, "--input", input, "--online", decisions, "--threads", threads, "--out",
        "\(directory)/f-\(threads).csv", "--labels", labels)
      let digests = exported.split(separator: "\n").filter { $0.hasPrefix("digest") || $0.hasPrefix("online") }
        .compactMap { $0.split(separator: " ").dropFirst().first?.prefix(32) }
      #expect(digests.count == 2 && digests[0] == digests[1], "\(exported)")
    }
    let exported = try lines(of: "\(directory)/f-1.csv")
    #expect(exported[0] == "transaction_id,event_time,card,amount,count_1h,mean_7d,to_mean,merchants_24h,label" && exported.count == 6_001)
    #expect(FileManager.default.contentsEqual(atPath: "\(directory)/f-1.csv", andPath: "\(directory)/f-3.csv"))
    // Of another bundle's values the digest is another.
    var other = Self.files
    other["features.yaml"] = other["features.yaml"]!.replacing("window: 7d", with: "window: 2d")
    let told = try run(
      "export", "--features", "--bundle", try write(other, to: "other"), "--input", input, "--online", decisions, fails: true)
    #expect(told.contains("the digests differ"), "\(told)")
    let compared = try run("backtest", "--bundle", try write(other, to: "other"), "--input", input, "--against", bundle)
    #expect(compared.contains("against rules") && compared.contains("0 of"), "\(compared)")
  }

  @Test("what comes again in a file counts once, as it did on the cluster")
  func repeats() throws {
    let bundle = try write(Self.files, to: "good")
    let input = "\(directory)/t.ndjson"
    _ = try run("generate", "--transactions", "2000", "--seed", "9", "--cards", "100", "--days", "3", "--out", input)
    let once = try lines(of: input)
    // Each third comes again, some payments later; each hundredth with other content.
    var again: [String] = []
    for (index, line) in once.enumerated() {
      again.append(line)
      if index >= 10, index % 3 == 0 { again.append(once[index - 10]) }
      if index >= 5, index % 100 == 0 { again.append(once[index - 5].replacing("\"amount\":", with: "\"amount\":1")) }
    }
    let repeated = "\(directory)/again.ndjson"
    try again.map { $0 + "\n" }.joined().write(toFile: repeated, atomically: true, encoding: .utf8)
    let cluster = try TestCluster(workers: 1, partitions: 3, replicas: 1)
    _ = try run("bundle", "activate", bundle, "--cluster", cluster.directory, "--wait")
    let decisions = "\(directory)/d.ndjson"
    // Conflicts are refused: status 4.
    _ = try run("submit", repeated, "--cluster", cluster.directory, "--decisions", decisions, "--with-features", fails: true)
    for threads in ["1", "2"] {
      let exported = try run(
        "export", "--features", "--bundle", bundle, "--input", repeated, "--online", decisions, "--threads", threads, "--out",
        "\(directory)/r-\(threads).csv")
      #expect(exported.contains("repeated    663 transactions") && exported.contains("conflicts   19 transactions"), "\(exported)")
    }
    _ = try run("export", "--features", "--bundle", bundle, "--input", input, "--out", "\(directory)/once.csv")
    #expect(FileManager.default.contentsEqual(atPath: "\(directory)/once.csv", andPath: "\(directory)/r-2.csv"))
    let told = try run("backtest", "--bundle", bundle, "--input", repeated)
    #expect(told.contains("repeated      663 transactions") && told.contains("transactions  2,000"), "\(told)")
    let trained = try run("train", "isolation-forest", "--input", repeated, "--output", "\(directory)/m.json", "--skip-first", "0")
    #expect(trained.contains("2,000"), "\(trained)")
  }

  @Test("features of labels are exported as they were online: counted from when the labels became known")
  func labels() throws {
    var files = Self.files
    files["features.yaml"] = """
      version: 1
      features:
        - {name: amount, aggregate: field, of: amount}
        - {name: frauds_30d, aggregate: fraud_count, window: 30d}
        - {name: fraud_share_30d, aggregate: fraud_share, window: 30d}
      """
    files["rules/a.yaml"] = """
      version: 1
      rules:
        - {id: known, when: card.frauds_30d >= 1.0, reason: KNOWN, action: review}
      """
    files["tests/a.yaml"] = nil
    let bundle = try write(files, to: "labels")
    let (input, labels) = ("\(directory)/t.ndjson", "\(directory)/l.csv")
    _ = try run(
      "generate", "--transactions", "3000", "--seed", "7", "--fraud-rate", "0.05", "--cards", "100", "--days", "5", "--out", input,
      "--labels", labels)
    let sorted = try lines(of: input).map { (try field("event_time", of: $0), $0) }.sorted { $0.0 < $1.0 }
    // Between two instants, so that both ways of telling the time agree.
    let cut = try #require((1_500..<3_000).first { sorted[$0 - 1].0 < sorted[$0].0 })
    func put(_ rows: some Sequence<(String, String)>, _ name: String) throws -> String {
      let path = "\(directory)/\(name)"
      try rows.map { $0.1 + "\n" }.joined().write(toFile: path, atomically: true, encoding: .utf8)
      return path
    }
    let (all, first, second) = (try put(sorted, "all.ndjson"), try put(sorted[..<cut], "1.ndjson"), try put(sorted[cut...], "2.ndjson"))
    let early = try Set(sorted[..<cut].map { try field("transaction_id", of: $0.1) })
    let rows = try lines(of: labels).dropFirst().map { $0.split(separator: ",").map(String.init) }.filter { early.contains($0[0]) }
    #expect(rows.contains { $0[1] == "1" })
    let known = "\(directory)/known.csv"
    try ("transaction_id,label,known_at\n" + rows.map { "\($0[0]),\($0[1]),\(sorted[cut].0)\n" }.joined())
      .write(toFile: known, atomically: true, encoding: .utf8)

    let cluster = try TestCluster(workers: 1, partitions: 3, replicas: 1)
    _ = try run("bundle", "activate", bundle, "--cluster", cluster.directory, "--wait")
    let decisions = ["1", "2"].map { "\(directory)/d\($0).ndjson" }
    _ = try run("submit", first, "--cluster", cluster.directory, "--decisions", decisions[0], "--with-features")
    _ = try run("label", "submit", known, "--transactions", first, "--cluster", cluster.directory)
    _ = try run("submit", second, "--cluster", cluster.directory, "--decisions", decisions[1], "--with-features")
    let online = "\(directory)/online.ndjson"
    let decided = try decisions.flatMap { try lines(of: $0) }
    try decided.map { $0 + "\n" }.joined().write(toFile: online, atomically: true, encoding: .utf8)
    let reviewed = try decided.count { try field("action", of: $0) == "review" }
    #expect(reviewed > 0)

    for threads in ["1", "2"] {
      let exported = try run(
        "export", "--features", "--bundle", bundle, "--input", all, "--labels", known, "--online", online, "--threads", threads)
      #expect(exported.contains("online") && !exported.contains("note:"), "\(exported)")
      let told = try run("backtest", "--bundle", bundle, "--input", all, "--labels", known, "--threads", threads)
      #expect(told.split(separator: "\n").contains { $0.hasPrefix("rule known") && $0.contains(" \(reviewed) ") }, "\(told)")
    }
    // Without the times nothing is known: that is said, and the values are others.
    let timeless = try run(
      "export", "--features", "--bundle", bundle, "--input", all, "--labels", labels, "--online", online, fails: true)
    #expect(timeless.contains("note:") && timeless.contains("known_at") && timeless.contains("the digests differ"), "\(timeless)")
    try "transaction_id,label,known_at\nt,1,yesterday\n".write(toFile: known, atomically: true, encoding: .utf8)
    let bad = try run("backtest", "--bundle", bundle, "--input", all, "--labels", known, fails: true)
    #expect(bad.contains("known.csv:2: known_at is a time"), "\(bad)")
  }
}
