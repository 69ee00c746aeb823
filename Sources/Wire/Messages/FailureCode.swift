/// Why a request was not carried out. Stable numbers; a peer of an older version shows an unknown one as `internal`.
public enum FailureCode: UInt16, Sendable, CaseIterable {
  case malformed = 1
  case unsupportedVersion = 2
  case wrongCluster = 3
  case notAuthorized = 4
  case identityMismatch = 5
  case notPrimary = 6
  case fenced = 7
  case busy = 8
  case tooLarge = 9
  case unavailable = 10
  case deadline = 11
  case conflict = 12
  case notFound = 13
  case shuttingDown = 14
  case storageFull = 15
  /// This coordinator does not lead: ask the next one, or the one that a `leaderHint` named before.
  case notLeader = 16
  /// The partition is being split, merged or handed over; who takes its place serves in a moment.
  case sealed = 30
  case `internal` = 255

  /// Whether the same request may succeed later or elsewhere, so that callers needn't guess.
  public var isRetriable: Bool {
    switch self {
    case .notPrimary, .fenced, .busy, .unavailable, .deadline, .shuttingDown, .storageFull, .notLeader, .sealed: true
    case .malformed, .unsupportedVersion, .wrongCluster, .notAuthorized, .identityMismatch, .tooLarge, .conflict, .notFound,
      .internal:
      false
    }
  }

  public var name: String {
    switch self {
    case .malformed: "malformed"
    case .unsupportedVersion: "unsupported_version"
    case .wrongCluster: "wrong_cluster"
    case .notAuthorized: "not_authorized"
    case .identityMismatch: "identity_mismatch"
    case .notPrimary: "not_primary"
    case .fenced: "fenced"
    case .busy: "busy"
    case .tooLarge: "too_large"
    case .unavailable: "unavailable"
    case .deadline: "deadline"
    case .conflict: "conflict"
    case .notFound: "not_found"
    case .shuttingDown: "shutting_down"
    case .storageFull: "storage_full"
    case .notLeader: "not_leader"
    case .sealed: "sealed"
    case .internal: "internal"
    }
  }
}
