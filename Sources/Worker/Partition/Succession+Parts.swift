import Models
import Wire

/// Why a partition takes nothing in any more (R12).
struct Seal: Equatable, Sendable {
  var succession: Succession
  /// End of the seal's entry: everything before it is the children's.
  var end: Offset
}

/// What one sealed parent gives to one child: a copy, so that the parent is as it was if nothing comes of it.
public struct ChildPart {
  public var succession: Succession
  public var child: PartitionID
  var parent: PartitionID
  /// The parent's log from here on, with its snapshot, makes the part again.
  var from: Offset
  var state: PartitionState
}

/// A partition that began as the successor of others.
struct Birth {
  var succession: Succession
  var digest: UInt64
  /// What of its parents' logs has to stay until it has snapshots of its own (C3).
  var needs: [Need]

  struct Need {
    var parent: PartitionID
    var from: Offset
  }
}
