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
  static func run(_ arguments: [String], program: String = path) throws -> Result { try start(arguments, program: program).wait() }

  /// Starts a command. Not by Foundation's Process, which waits for grandchildren too: a cluster outlives its command.
  static func start(_ arguments: [String], program: String = path) throws -> Running {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let output = directory.appendingPathComponent("out").path
    let errors = directory.appendingPathComponent("err").path
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    // Files, not pipes: a full pipe would hold the process up.
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT, 0o600)
    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid = pid_t()
    let code = posix_spawnp(&pid, program, &actions, nil, &words, environ)
    guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EINVAL) }
    return Running(pid: pid, output: output, errors: errors)
  }

  struct Running {
    let pid: pid_t
    let output: String
    let errors: String

    func wait() throws -> Result {
      var status: Int32 = 0
      while waitpid(pid, &status, 0) < 0, errno == EINTR {}
      let exit = status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
      return Result(
        status: exit, output: try String(contentsOfFile: output, encoding: .utf8),
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
