/// What a frame carries. Numbers are never reused: a retired kind stays reserved here.
public enum FrameKind: UInt16, Sendable, CaseIterable {
  // Session: any peer.
  case hello = 1
  case helloAccepted = 2
  case failure = 3
  case ping = 4
  case pong = 5

  // Coordinator: workers, clients and the admin CLI.
  case join = 16
  case joinAccepted = 17
  case heartbeat = 18
  case heartbeatAccepted = 19
  case mapRequest = 20
  case clusterMap = 21
  case isrProposal = 22
  case isrAnswer = 23
  case publishBundle = 24
  case bundlePublished = 25
  case bundleRequest = 26
  case bundleContent = 27
  case statusRequest = 28
  case status = 29
  case watchMap = 30

  // Data: clients, and workers that pass a batch on to the home partition's primary.
  case submit = 32
  case decisions = 33
  case quarantine = 34
  case quarantined = 35

  // Entities: the admin CLI and a partition's primary.
  case entityRequest = 36
  case entityAnswer = 37

  // Replication: primary to follower and back.
  case append = 48
  case appended = 49
  // Transfers: a learner and whoever feeds it; the primary, the learner and the coordinator.
  case transferRead = 56
  case transferChunk = 57
  case transferRequest = 58
  case transferSession = 59
  // Checkpoints: workers and the coordinator.
  case checkpointReport = 60

  // Operations: the admin CLI and the coordinator.
  case startOperation = 64
  case operationStarted = 65
  case operationsRequest = 66
  case operations = 67
  case abortOperation = 68
  // A planned hand-over: the coordinator and the primary.
  case handOverCommand = 70
  case handOverReport = 71
  // The audit log: the admin CLI.
  case auditRequest = 76
  case auditLog = 77

  // Health: workers and the coordinator; the admin CLI.
  case healthReport = 72
  case healthNotice = 73
  case healthRequest = 74
  case healthStatus = 75

  // Split and merge: the coordinator and the workers that hold the partitions.
  case successionCommand = 80
  case successionReport = 81

  // Several coordinators: from one that does not lead.
  case leaderHint = 90

  // Exchange: a home partition's primary to an entity's, and back (X1, X2).
  case contributions = 96
  case contributionReplies = 97

  // A restored store: the coordinator and the workers. Backups: the command line.
  case recordsRequest = 104
  case recordsReport = 105
  case backupRequest = 106
  case backupContent = 107

  // Hot items of lists: the admin CLI and the coordinator; workers and the coordinator.
  case editList = 112
  case listEdited = 113
  case listsRequest = 114
  case lists = 115
  case listItemsRequest = 116
  case listItems = 117
}
