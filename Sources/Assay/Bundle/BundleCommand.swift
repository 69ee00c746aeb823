import ArgumentParser
import Client
import Foundation
import Models
import Wire

/// `assay bundle`.
struct BundleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bundle", abstract: "Policy bundles: schema, features, model, thresholds and reasons, in one immutable piece.",
    subcommands: [
      Check.self, Test.self, Build.self, Key.self, Sign.self, Inspect.self, Diff.self, Activate.self, Status.self, Rollback.self,
    ])

  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Read a bundle as a worker would, and say what it is or everything that is wrong.",
      discussion: "Each mistake has its file, line and column, and what to write instead where that can be told.")
    @Argument(help: "A bundle's directory, or a file that was built from one.") var bundle: String

    func run() async throws {
      try await orOneLine {
        for line in try BundleSource(checking: bundle).summary { print(line) }
      }
    }
  }

  struct Build: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Put a bundle's directory into one file. The same files give the same bytes.",
      discussion: "A bundle with a mistake, or with a test that fails, is not built.")
    @Argument(help: "A bundle's directory.") var directory: String
    @Option(help: ArgumentHelp("Write the file here.", valueName: "F.bundle")) var out: String
    @Flag(help: "Replace the file if it exists.") var force = false

    func run() async throws {
      try await orOneLine {
        let source = try BundleSource(checking: directory)
        try source.runTests(named: directory, verbose: false)
        try FreshFile.write(source.contents, to: out, replacing: force)
        print("\(out): \(source.bundle.name), id \(source.bundle.id), \(NumberText.bytes(source.contents.count))")
      }
    }
  }

  struct Activate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give a cluster a bundle, and have it decide by it.",
      discussion: """
        The cluster switches once every in-sync worker has loaded the bundle. A bundle that the cluster keeps already \
        can be named by its id: so it goes back to an earlier one.
        """)
    @Argument(help: "A bundle's directory or file, or the 32 digits of one that the cluster keeps.") var bundle: String
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @Flag(help: "Return only when the cluster decides by it.") var wait = false
    @Option(help: ArgumentHelp("How long to wait.", valueName: "SECONDS")) var timeout = 60

    func run() async throws {
      try await orOneLine {
        // What is wrong with the bundle is told before anybody is bothered.
        let source = isID ? nil : try BundleSource(path: bundle)
        let admin = try await cluster.admin()
        let published =
          if let source { try await admin.publish(source.contents) } else { try await admin.activate(BundleID(bundle)!) }
        switch published.state {
        case .active: print("the cluster decides by \(published.bundle)")
        case .candidate, .stored:
          if wait {
            try await admin.untilActive(published.bundle, timeout: .seconds(timeout))
            print("the cluster decides by \(published.bundle)")
          } else {
            print("\(published.bundle) is being loaded; 'assay bundle status' tells when it decides")
          }
        }
        await admin.close()
      }
    }

    private var isID: Bool { BundleID(bundle) != nil && !FileManager.default.fileExists(atPath: bundle) }
  }

  struct Rollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Go back to the bundle that decided before; or give up the one that is being loaded.",
      discussion: """
        In one step, under load: the workers have the earlier bundle still. What was decided meanwhile stays as it was, under the \
        bundle that it names. Done twice, it is where it began; 'assay bundle activate ID' names any bundle that the cluster keeps.
        """)
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions
    @Flag(help: "Return only when the cluster decides by it.") var wait = false
    @Option(help: ArgumentHelp("How long to wait.", valueName: "SECONDS")) var timeout = 60

    func run() async throws {
      try await orOneLine {
        let admin = try await cluster.admin()
        let published = try await admin.rollback()
        if wait { try await admin.untilActive(published.bundle, timeout: .seconds(timeout)) }
        print(
          wait || published.state == .active
            ? "the cluster decides by \(published.bundle)"
            : "\(published.bundle) is being loaded; 'assay bundle status' tells when it decides")
        await admin.close()
      }
    }
  }

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say which bundle decides, which did before, and which is being loaded.")
    @OptionGroup(title: "Cluster") var cluster: ClusterOptions

    func run() async throws {
      try await orOneLine {
        let admin = try await cluster.admin()
        let status = try await admin.status()
        await admin.close()
        print("active     \(status.map.activeBundle?.description ?? "none")")
        print("previous   \(status.map.previousBundle?.description ?? "none")")
        guard let candidate = status.map.candidateBundle else { return }
        print("candidate  \(candidate)")
        for node in status.nodes {
          let state =
            node.bundleProblem.isEmpty ? node.bundleReady ? "has loaded it" : "is loading it" : "can't load it: \(node.bundleProblem)"
          print("  \(status.map.node(node.id)?.name ?? "\(node.id)") \(state)")
        }
      }
    }
  }
}

extension ClusterOptions {
  /// A connection to the coordinators by what was given; a cluster's directory brings the operator's own certificate.
  func admin() async throws -> AdminClient {
    if let directory { return try await AdminClient.connect(try ClientConfig.admin(directory: directory)) }
    return try await AdminClient.connect(try config())
  }
}
