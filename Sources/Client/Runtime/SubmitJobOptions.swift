import Models

/// What to submit, and how.
public struct SubmitJobOptions: Sendable {
  public var path: String
  /// nil goes by the file's extension, then by its first byte.
  public var format: TransactionTextReader.Format?
  public var mapping = FieldMapping.canonical
  /// Fields that the cluster's schema declares beyond the fixed ones, in its order.
  public var extraFields: [ExtraFieldSpec] = []
  /// The texts that `mapping` and `extraFields` came from: others make another submission.
  public var definitionText = ""
  /// Rows a second; nil is as fast as the cluster takes them.
  public var rate: Double?
  /// Where decisions are written to; nil for nowhere.
  public var outputPath: String?
  public var outputFormat: DecisionFormat?
  /// Where progress is kept; nil is beside the file.
  public var progressPath: String?
  /// Starts over where an earlier call had begun or finished.
  public var again = false
  /// How often progress is put on disk, nanoseconds.
  public var saveInterval: Int64 = 1_000_000_000
  public var submit = SubmitOptions()
  /// The rows are labels; nil for transactions to be decided.
  public var labels: LabelSource?

  public enum LabelSource: Sendable {
    /// In each row, as `LabelFields`.
    case inRows
    /// By the transaction's id; rows without one are passed over, and so are those that can't be read.
    case byTransaction(LabelTable)
  }

  public init(path: String) { self.path = path }
}
