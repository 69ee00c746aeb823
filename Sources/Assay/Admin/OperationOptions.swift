import ArgumentParser

/// What all commands take that begin an operation.
struct OperationOptions: ParsableArguments {
  @Flag(help: "Only say what would be done, and how many more failures the cluster can take meanwhile.") var dryRun = false
  @Flag(help: "Return only when it is done.") var wait = false
  @Option(help: ArgumentHelp("How long to wait.", valueName: "SECONDS")) var timeout = 600
}
