import ArgumentParser
import Wire

/// The one program: the servers of a cluster, and everything that its operators and developers type.
@main
struct Assay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assay", abstract: "Decides, while a payment waits, whether it is fraud.", version: Product.nameAndVersion,
    groupedSubcommands: [
      CommandGroup(name: "Servers", subcommands: [CoordinatorCommand.self, WorkerCommand.self]),
      CommandGroup(
        name: "Clusters",
        subcommands: [
          DevCommand.self, ClusterCommand.self, NodeCommand.self, PartitionCommand.self, OperationCommand.self, AuditCommand.self,
          BundleCommand.self, ListCommand.self, EntityCommand.self, FeaturesCommand.self, CertsCommand.self, InspectCommand.self,
        ]),
      CommandGroup(
        name: "Data",
        subcommands: [
          SubmitCommand.self, LabelCommand.self, GenerateCommand.self, TrainCommand.self, BacktestCommand.self,
          ExportCommand.self, DemoCommand.self,
        ]),
    ])
}
