import ArgumentParser
import Models

extension BundleCommand {
  struct Test: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run a bundle's own tests: example transactions with the features and verdicts that are expected.",
      discussion: "They are the files of its folder tests/. A worker runs them, too, before it says that it has loaded a bundle.")
    @Argument(help: "A bundle's directory, or a file that was built from one.") var bundle: String
    @Flag(help: "Name each test.") var verbose = false

    func run() async throws {
      try await orOneLine {
        let source = try BundleSource(checking: bundle)
        try source.runTests(named: bundle, verbose: verbose)
      }
    }
  }
}

extension BundleSource {
  /// Prints what each test says, and throws if one fails.
  func runTests(named path: String, verbose: Bool) throws {
    let results = try BundleTestRun.run(bundle, archive)
    var failed = 0
    for result in results {
      for failure in result.failures { Output.error("\(path)/\(failure)\n") }
      if !result.failures.isEmpty { failed += 1 }
      if verbose { print("\(result.failures.isEmpty ? "passed" : "FAILED")  \(result.name) (\(result.steps) transactions)") }
    }
    guard failed == 0 else { throw OneLine("\(failed) of \(results.count) tests of \(path) fail") }
    print(results.isEmpty ? "\(path) has no tests (tests/*.yaml)" : "\(results.count) tests pass")
  }
}
