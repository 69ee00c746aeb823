import ArgumentParser
import Foundation
import Worker

struct InspectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Decode files as far as they can be read, damaged ones too.", subcommands: [Log.self])

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
}
