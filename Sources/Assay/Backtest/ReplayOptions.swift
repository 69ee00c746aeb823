import ArgumentParser
import Foundation
import Models

/// A file of transactions that is run through a bundle's code.
struct ReplayOptions: ParsableArguments {
  enum InputFormat: String, ExpressibleByArgument, CaseIterable { case ndjson, csv }

  @Option(help: ArgumentHelp("Transactions, NDJSON or CSV, in the order in which they came.", valueName: "FILE")) var input: String
  @Option(help: "ndjson or csv; else told by the file's name.") var format: InputFormat?
  @Option(help: ArgumentHelp("A YAML file that says which columns become which fields.", valueName: "M.yaml")) var mapping: String?
  @Option(help: ArgumentHelp("Threads (default: one a core; one with features of several entities).", valueName: "N")) var threads: Int?

  func validate() throws {
    if let threads, !(1...256).contains(threads) { throw ValidationError("--threads is 1 to 256") }
  }

  private var threadCount: Int { threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount) }

  /// On the cores side by side where each transaction needs its card's history alone. A terminal's is that of many cards, in the
  /// file's order: bundles with features of other entities are replayed on one thread.
  func replay(_ schema: Schema, for bundles: [Models.Bundle]) throws -> ParallelReplay {
    let isByCard = bundles.allSatisfy(\.parts.isWhole)
    if let threads, threads > 1, !isByCard {
      throw OneLine("--threads \(threads): a bundle with features of other entities than the card is replayed on one thread; leave it out")
    }
    let extraFields = schema.fields.map { ExtraFieldSpec(name: $0.name, kind: $0.kind, isRequired: $0.isRequired) }
    var fieldMapping = FieldMapping.canonical
    if let mapping {
      let text = try ServerProcess.readText(mapping)
      do throws(FieldMappingError) {
        fieldMapping = try FieldMapping(yaml: text, extraFields: extraFields)
      } catch {
        throw OneLine("\(mapping): \(error)")
      }
    }
    let named = format.flatMap { TransactionTextReader.Format(rawValue: $0.rawValue) }
    return ParallelReplay(
      path: input, format: named ?? (input.hasSuffix(".csv") ? .csv : .ndjson), mapping: fieldMapping, extraFields: extraFields,
      threads: isByCard ? threadCount : 1)
  }
}
