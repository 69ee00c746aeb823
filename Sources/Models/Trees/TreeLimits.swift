/// What a tree ensemble may hold. A document that exceeds a limit is refused before memory is taken for it.
public enum TreeLimits {
  /// Columns are numbered by 16 bits, two for each feature.
  public static let features = 32_767
  public static let trees = 65_536
  /// Nodes of all trees together. The layout takes at most `paddingFactor` times 12 bytes for each.
  public static let nodes = 4_194_304
  /// Decisions from the root to a leaf.
  public static let depth = 4_096
  /// Bytes of a model document.
  public static let documentBytes = 512 << 20

  /// Trees at most this deep are laid out complete.
  static let completeDepth = 10
  /// A group of trees is laid out complete when that takes no more than this multiple of its nodes.
  static let paddingFactor = 8
}
