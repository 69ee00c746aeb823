import Foundation
import Glibc

/// The real program, as built beside the tests.
enum AssayBinary {
  struct Result {
    var status: Int32
    var output: String
    var errors: String
  }

  static let path: String = {
    // .../debug/<package>PackageTests.xctest, or a helper process that has it among its arguments.
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    let places = [bundle, CommandLine.arguments[0]].map { URL(fileURLWithPath: $0).deletingLastPathComponent().path + "/assay" }
    guard let found = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
      fatalError("no assay program beside the tests (\(places)): build with 'swift build --build-tests'")
    }
    return found
  }()

  /// Runs a command to its end.
  @discardableResult
  static func run(_ arguments: [String]) throws -> Result { try start(arguments).wait() }

  /// Starts a command.
  static func start(_ arguments: [String]) throws -> Running {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    // Files, not pipes: a full pipe would hold the process up.
    let output = directory.appendingPathComponent("out").path
    let errors = directory.appendingPathComponent("err").path
    for file in [output, errors] { FileManager.default.createFile(atPath: file, contents: nil) }
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardError = FileHandle(forWritingAtPath: errors)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    return Running(process: process, output: output, errors: errors)
  }

  struct Running {
    let process: Process
    let output: String
    let errors: String

    func wait() throws -> Result {
      process.waitUntilExit()
      return Result(
        status: process.terminationStatus, output: try String(contentsOfFile: output, encoding: .utf8),
        errors: try String(contentsOfFile: errors, encoding: .utf8))
    }
  }
}

/// Asks again until `condition` holds; false when `seconds` have passed.
func eventually(within seconds: Double = 60, _ condition: () throws -> Bool) rethrows -> Bool {
  let end = Date().addingTimeInterval(seconds)
  while Date() < end {
    if try condition() { return true }
    _ = poll(nil, 0, 10)
  }
  return try condition()
}
