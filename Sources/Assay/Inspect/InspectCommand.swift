import ArgumentParser
import Foundation
import Worker

struct InspectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Decode files as far as they can be read, damaged ones too.", subcommands: [Log.self, Snapshot.self])

  struct Log: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "log", abstract: "Print the blocks and records of log segments.")
    @Argument(help: "Segment files, such as DATA/storage-.../journal/*.") var files: [String]

    @Flag(help: "Blocks only.") var blocks = false

    func run() async throws {
      try await orOneLine {
        var damaged = 0
        for file in files {
          let bytes = try Data(contentsOf: URL(fileURLWithPath: file), options: .mappedIfSafe)
          print(file)
          damaged += bytes.withUnsafeBytes { JournalInspector(showsRecords: !blocks).inspect($0) { print($0) } }.damaged
        }
        if damaged > 0 { throw OneLine("\(damaged) places are damaged; a worker that starts on this log says whether it matters") }
      }
    }
  }

  struct Snapshot: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "snapshot", abstract: "Print the header, blocks and facts of snapshots.")
    @Argument(help: "Snapshot files, such as DATA/storage-.../snapshots/*.snap.") var files: [String]

    func run() async throws {
      try await orOneLine {
        var damaged = 0
        for file in files {
          let bytes = try Data(contentsOf: URL(fileURLWithPath: file), options: .mappedIfSafe)
          print(file)
          damaged += bytes.withUnsafeBytes { SnapshotInspector().inspect($0) { print($0) } }.damaged
        }
        if damaged > 0 {
          throw OneLine(
            "\(damaged) places are damaged; a worker passes over such a snapshot, and takes the one before it or is fed by another worker")
        }
      }
    }
  }
}
