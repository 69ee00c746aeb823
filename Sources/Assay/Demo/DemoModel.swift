import Models
import Wire

/// The demonstration's own policy bundle: a forest trained on generated history.
///
/// The history is of the same bank and another world: its cards are not those of the stream, so nothing of what will be
/// decided is known to the model.
enum DemoModel {
  struct Trained {
    let contents: [UInt8]
    let bundle: Bundle
    let averagePrecision: Double?
    let seconds: Double
  }

  static func train(_ options: DemoOptions) throws -> Trained {
    let start = ContinuousClock.now
    let features = try FeatureSet.parse(yaml: StarterFeatures.yaml, schema: .standard)
    let training = try ForestTraining(
      features: features, modelFeatures: StarterFeatures.modelFeatures, options: .init(seed: options.seed))
    var generator = TransactionGenerator(
      GeneratorOptions(
        seed: historySeed(options.seed), transactions: options.history, fraudRate: DemoOptions.fraudRate, days: DemoOptions.days))
    var builder = TransactionBuilder()
    var pattern: FraudPattern?
    var record: [UInt8] = []
    var made = 0
    while generator.next(into: &builder, label: &pattern) {
      record.removeAll(keepingCapacity: true)
      builder.append(to: &record)
      training.add(record, eventTime: builder.eventTime, isWarmUp: false, isFraud: pattern != nil)
      made += 1
      if made % 4096 == 0 { try Task.checkCancellation() }
    }
    let trained = try training.train()
    let draft = BundleDraft(
      name: "demo", schemaYAML: StarterFeatures.schemaYAML, featuresYAML: StarterFeatures.yaml, features: features,
      forest: trained.forest, review: trained.threshold(flagging: DemoOptions.reviewShare),
      decline: trained.threshold(flagging: DemoOptions.declineShare))
    let (archive, bundle) = try draft.build()
    return Trained(
      contents: archive.encode(), bundle: bundle, averagePrecision: trained.averagePrecision,
      seconds: (ContinuousClock.now - start).inSeconds)
  }

  /// Another world than the stream's.
  private static func historySeed(_ seed: UInt64) -> UInt64 { seed ^ 0x6869_7374_6F72_7921 }
}
