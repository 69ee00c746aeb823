import ArgumentParser
import Foundation
import Glibc

/// Tries to break a cluster of real processes, and checks from outside that nothing acknowledged was lost, doubled or
/// changed.
@main
struct Chaos: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assay-chaos",
    abstract: "Faults of processes, network, disks and clocks against the real program, and the checks afterwards.",
    discussion: "Run it as ops/chaos, which installs what it needs and builds the program. Needs root.")

  /// Exit status where the machine allows no such run; 1 is a failed check, 2 a run that could not be done.
  static let impossibleHere: Int32 = 3

  @OptionGroup var options: ChaosOptions

  func run() async throws {
    if options.nemesis == "list" {
      for kind in FaultKind.allCases { print(pad(kind.rawValue, 20) + kind.title) }
      return
    }
    if let reason = Self.obstacle(options) {
      FileHandle.standardError.write(Data("chaos: \(reason)\n".utf8))
      throw ExitCode(Self.impossibleHere)
    }
    do {
      Leftovers.cleanOrphans { print($0) }
      let isGood = try await ChaosRun(options).run()
      if !isGood { throw ExitCode(1) }
    } catch let error as ChaosError {
      FileHandle.standardError.write(Data("chaos: \(error)\n".utf8))
      throw ExitCode(2)
    }
  }

  /// Why this can't be done here, or nil.
  static func obstacle(_ options: ChaosOptions) -> String? {
    guard getuid() == 0 else { return "hosts are network namespaces, and making those needs root: run it as root" }
    for program in ["ip", "nft", "nsenter"] where !Command.isThere(program) {
      return "\(program) is not on the PATH: ops/chaos installs it (packages iproute2, nftables, util-linux)"
    }
    let probe = "chaos-\(getpid())-probe"
    do { try Command.run(["ip", "netns", "add", probe]) } catch {
      return "this kernel or container allows no network namespaces: \(error)"
    }
    Command.attempt(["ip", "netns", "delete", probe])
    guard let program = options.program, access(program, X_OK) == 0 else {
      return "say where the assay program is: --assay PATH, or run ops/chaos"
    }
    return nil
  }
}

func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
func pad(left text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
