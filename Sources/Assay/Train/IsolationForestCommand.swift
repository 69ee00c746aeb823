import ArgumentParser
import Foundation
import Models
import Wire

/// `assay train isolation-forest`.
struct IsolationForestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "isolation-forest",
    abstract: "Train an isolation forest: it finds what is unusual, and needs no labels.",
    discussion: """
      Replays the file, in its order, through the feature engine that decides online, and grows the forest from a \
      uniform sample of the rows. Labels, where there are any, are used to say how good it is, not to train.

      Without --features the forest takes the starter set for cards, which --bundle writes out. With --bundle a \
      complete bundle directory is made, its thresholds at the scores that the given shares of the rows reach.
      """)

  enum InputFormat: String, ExpressibleByArgument, CaseIterable { case ndjson, csv }

  @Option(help: ArgumentHelp("Transactions, NDJSON or CSV, in the order of their times.", valueName: "FILE")) var input: String
  @Option(help: "ndjson or csv; else told by the file's name.") var format: InputFormat?
  @Option(help: ArgumentHelp("A YAML file that says which columns become which fields.", valueName: "M.yaml")) var mapping: String?
  @Option(help: ArgumentHelp("Feature definitions (default: the starter set).", valueName: "F.yaml")) var features: String?
  @Option(help: ArgumentHelp("Schema (default: the fixed fields).", valueName: "S.yaml")) var schema: String?
  @Option(help: ArgumentHelp("Write the model here.", valueName: "MODEL.json")) var output: String?
  @Option(help: "Trees.") var trees = 100
  @Option(help: "Rows that each tree is grown from.") var sampleSize = 1_024
  @Option(help: "Determines the forest, together with the file.") var seed: UInt64 = 1
  @Option(help: ArgumentHelp("Share of the file, from its beginning, that only fills the windows.", valueName: "SHARE"))
  var skipFirst = 0.0
  @Option(help: ArgumentHelp("Rows kept in memory: a uniform sample of the file's.", valueName: "N")) var rowsMax = 200_000
  @Option(help: ArgumentHelp("Features that the model does not take, separated by commas (default: raw codes).", valueName: "F1,F2"))
  var exclude: String?
  @Option(help: ArgumentHelp("Labels (transaction_id,label[,label_version][,known_at]): print the average precision.", valueName: "L.csv"))
  var labels: String?
  @Option(help: ArgumentHelp("Write a complete bundle into this directory.", valueName: "DIR")) var bundle: String?
  @Option(help: ArgumentHelp("The bundle's name.", valueName: "NAME")) var name = "card-fraud"
  @Option(help: ArgumentHelp("Share of transactions to review or decline.", valueName: "SHARE")) var reviewShare = 0.02
  @Option(help: ArgumentHelp("Share of transactions to decline.", valueName: "SHARE")) var declineShare = 0.005
  @Flag(help: "Replace files that exist.") var force = false

  func validate() throws {
    guard output != nil || bundle != nil else { throw ValidationError("say where to: --output MODEL.json, --bundle DIR, or both") }
    guard (1...10_000).contains(trees) else { throw ValidationError("--trees is 1 to 10000") }
    guard (2...65_536).contains(sampleSize) else { throw ValidationError("--sample-size is 2 to 65536") }
    guard (0..<1).contains(skipFirst) else { throw ValidationError("--skip-first is a share of 0 to below 1") }
    guard (100...50_000_000).contains(rowsMax) else { throw ValidationError("--rows-max is 100 to 50000000") }
    guard (0...1).contains(reviewShare), (0...reviewShare).contains(declineShare) else {
      throw ValidationError("--review-share is 0 to 1, and --decline-share at most that")
    }
  }

  func run() async throws {
    try await orOneLine {
      let stop = StopFlag()
      let interruption = Interruption { stop.set() }
      defer { interruption.cancel() }
      let definitions = try definitions()
      let labelFile = try labels.map { try LabelFile(path: $0) }
      if let why = LabelFile.missing(labelFile, for: definitions.features) { Output.error("note: \(why)\n") }
      let training = try ForestTraining(
        schema: definitions.schema, features: definitions.features, modelFeatures: try modelFeatures(definitions.features),
        labels: labelFile, options: .init(trees: trees, sampleSize: sampleSize, seed: seed, rowsMax: rowsMax))
      // Before the work: a place that can't be written to should not cost it.
      let file = try output.map { try FreshFile($0, replacing: force) }
      let start = ContinuousClock.now
      let outcome = try replay(into: training, labelFile, definitions, stop)
      let replaySeconds = (ContinuousClock.now - start).inSeconds
      let trained = try training.train()
      let seconds = (ContinuousClock.now - start).inSeconds
      report(training, outcome, trained, seconds: seconds, replaySeconds: replaySeconds)
      if let file {
        try file.write(trained.forest.encode())
        try file.commit()
        print("model         \(file.path)")
      }
      if let bundle { try writeBundle(trained, definitions, to: bundle) }
    }
  }

  // MARK: - Input

  private struct Definitions {
    var schemaYAML = StarterFeatures.schemaYAML
    var schema = Schema.standard
    var featuresYAML = StarterFeatures.yaml
    var features: FeatureSet
  }

  private func definitions() throws -> Definitions {
    var schemaYAML = StarterFeatures.schemaYAML
    if let schema { schemaYAML = try ServerProcess.readText(schema) }
    let parsed = try Schema.parse(yaml: schemaYAML, file: schema ?? "schema.yaml")
    var featuresYAML = StarterFeatures.yaml
    if let features { featuresYAML = try ServerProcess.readText(features) }
    return Definitions(
      schemaYAML: schemaYAML, schema: parsed, featuresYAML: featuresYAML,
      features: try FeatureSet.parse(yaml: featuresYAML, schema: parsed, file: features ?? "features.yaml"))
  }

  private func modelFeatures(_ set: FeatureSet) throws -> [String] {
    guard let exclude else {
      return features == nil ? StarterFeatures.modelFeatures : set.names.filter { !StarterFeatures.codes.contains($0) }
    }
    let excluded = exclude.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    for name in excluded where set.index(of: name) == nil { throw OneLine("--exclude: there is no feature '\(name)'") }
    return set.names.filter { !excluded.contains($0) }
  }

  private func replay(
    into training: ForestTraining, _ labelFile: LabelFile?, _ definitions: Definitions, _ stop: StopFlag
  ) throws -> TransactionReplay.Outcome {
    let extraFields = definitions.schema.fields.map { ExtraFieldSpec(name: $0.name, kind: $0.kind, isRequired: $0.isRequired) }
    var fieldMapping = FieldMapping.canonical
    if let mapping {
      do throws(FieldMappingError) {
        fieldMapping = try FieldMapping(yaml: try readMapping(mapping), extraFields: extraFields)
      } catch {
        throw OneLine("\(mapping): \(error)")
      }
    }
    let replay = TransactionReplay(
      path: input, format: format.flatMap { TransactionTextReader.Format(rawValue: $0.rawValue) }, mapping: fieldMapping,
      extraFields: extraFields)
    var progress = ProgressLine()
    defer { progress.clear() }
    var record: [UInt8] = []
    return try replay.run(stop) { builder, share in
      record.removeAll(keepingCapacity: true)
      builder.append(to: &record)
      training.add(
        record, eventTime: builder.eventTime, isWarmUp: share < skipFirst, isFraud: labelFile?.contains(builder.id) ?? false)
    } progress: { share in
      progress.show { seconds in
        "\(Int(share * 100)) %  \(NumberText.grouped(training.replayed)) transactions  "
          + "\(NumberText.grouped(Int(Double(training.replayed) / seconds)))/s"
      }
    }
  }

  private func readMapping(_ path: String) throws(FieldMappingError) -> String {
    do { return try ServerProcess.readText(path) } catch { throw FieldMappingError(line: 0, "\(error)") }
  }

  // MARK: - Output

  private func report(
    _ training: ForestTraining, _ outcome: TransactionReplay.Outcome, _ trained: TrainedForest, seconds: Double, replaySeconds: Double
  ) {
    print("transactions  \(NumberText.grouped(training.replayed)) replayed in \(NumberText.fixed(replaySeconds, 1)) s")
    if outcome.badLines > 0, let line = outcome.firstBadLine {
      print("unreadable    \(NumberText.grouped(outcome.badLines)) lines; line \(line.number): \(line.rejection)")
    }
    if training.refused > 0, let first = training.firstRefusal {
      print("refused       \(NumberText.grouped(training.refused)) by the schema; the first: \(first)")
    }
    for line in training.repeatCounts.lines(width: 14) { print(line) }
    print(
      "forest        \(trees) trees on \(training.modelFeatures.count) features, samples of "
        + "\(NumberText.grouped(trained.forest.sampleSize)) from \(NumberText.grouped(trained.sampledRows)) of "
        + "\(NumberText.grouped(training.trainingRows)) rows; \(NumberText.fixed(seconds, 1)) s in all")
    let quantiles = [0.5, 0.9, 0.98, 0.99, 0.995, 0.999].map {
      "\(NumberText.fixed($0 * 100, 1)) % \(NumberText.fixed(Double(trained.quantile($0)), 4))"
    }
    print("scores below  \(quantiles.joined(separator: "   "))")
    if let precision = trained.averagePrecision { print("avg precision \(NumberText.fixed(precision, 4))") }
  }

  private func writeBundle(_ trained: TrainedForest, _ definitions: Definitions, to directory: String) throws {
    let draft = BundleDraft(
      name: name, schemaYAML: definitions.schemaYAML, featuresYAML: definitions.featuresYAML, features: definitions.features,
      forest: trained.forest, review: trained.threshold(flagging: reviewShare),
      decline: trained.threshold(flagging: declineShare))
    let (archive, bundle) = try draft.build()
    try BundleDirectory(path: directory).write(archive, replacing: force)
    print("bundle        \(directory), id \(bundle.id): review from \(draft.review), decline from \(draft.decline)")
  }
}
