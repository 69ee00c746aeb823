import ArgumentParser
import Client
import Wire

/// `assay audit`.
struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "List what operators have asked for and what came of it, and check that nothing was changed.",
    discussion: """
      Every record carries the hash of the one before it. The last line says whether the chain is whole, and its last hash: \
      keep that elsewhere, and a later look proves that all up to it is as it was.
      """)
  @OptionGroup(title: "Cluster") var cluster: ClusterOptions

  func run() async throws {
    try await cluster.asAdmin { admin in
      let records = try await admin.audit()
      for record in records {
        print("\(record.number)  \(OperationText.time(record.time))  \(record.who)  \(record.what)  -> \(record.outcome)")
      }
      if let broken = AuditRecord.firstBroken(records) {
        throw OneLine("record \(broken.number) is not what was written: the log was changed, or a part of it is missing")
      }
      guard let first = records.first, let last = records.last else { return print("nothing was asked for yet") }
      let hash = last.hash.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
      print("records \(first.number) to \(last.number), chain whole, last hash \(hash)")
    }
  }
}
