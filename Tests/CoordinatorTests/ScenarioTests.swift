import Foundation
import Testing

@testable import Coordinator

/// `UPDATE=1` writes what happened as what is expected; read the difference before it is kept.
@Suite struct ScenarioTests {
  static let folder = String(#filePath.dropLast("ScenarioTests.swift".count)) + "Scenarios/"
  static let names = ["primary-dies", "disk-is-wiped", "power-loss-in-memory", "coordinator-is-slow", "roll-out"]

  @Test(arguments: names)
  func `a story goes as it is written down`(name: String) throws {
    let path = Self.folder + name + ".txt"
    let written = try String(contentsOfFile: path, encoding: .utf8)
    var scenario = Scenario()
    var told: [String] = []
    for block in written.components(separatedBy: "\n\n") {
      let lines = block.split(separator: "\n").map(String.init)
      told += lines.filter { $0.hasPrefix("#") }
      guard let command = lines.first(where: { !$0.hasPrefix("#") }) else {
        told.append("")
        continue
      }
      told += [command, "----"] + (try scenario.run(command)) + [""]
    }
    let text = told.joined(separator: "\n")
    if ProcessInfo.processInfo.environment["UPDATE"] == "1" {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    } else {
      #expect(text == written)
    }
  }
}
