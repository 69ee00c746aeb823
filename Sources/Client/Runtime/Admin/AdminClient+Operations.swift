import Wire

extension AdminClient {
  static let operationPoll = Duration.milliseconds(100)

  /// What an operation would do, and what the cluster can bear meanwhile. Nothing begins.
  public func plan(_ request: OperationRequest) async throws -> OperationPlan {
    try await ask(StartOperation(request, isDryRun: true, token: 0), for: OperationStarted.self).plan
  }

  /// Begins an operation; it goes on whatever becomes of this client.
  /// - Parameter token: random; the request may reach the coordinator more than once, and begins one operation.
  public func start(_ request: OperationRequest, token: UInt64 = .random(in: 1...UInt64.max)) async throws -> OperationRecord {
    let started = try await ask(StartOperation(request, isDryRun: false, token: token), for: OperationStarted.self)
    guard let record = started.record else {
      throw AdminError.operation("the coordinator began '\(request.name)' and did not say as which operation: list the operations")
    }
    return record
  }

  /// All operations on record, oldest first.
  public func operations() async throws -> [OperationRecord] { try await ask(OperationsRequest(), for: Operations.self).records }

  /// What operators have asked for, oldest first.
  public func audit() async throws -> [AuditRecord] { try await ask(AuditRequest(), for: AuditLog.self).records }

  public func operation(_ id: OperationID) async throws -> OperationRecord {
    guard let record = try await ask(OperationsRequest(id), for: Operations.self).records.first else {
      throw AdminError.operation("there is no operation \(id)")
    }
    return record
  }

  public func abort(_ id: OperationID) async throws -> OperationRecord {
    guard let record = try await ask(AbortOperation(id), for: Operations.self).records.first else {
      throw AdminError.operation("there is no operation \(id)")
    }
    return record
  }

  /// Waits until an operation is over, telling each new note; throws if it ends otherwise than finished, or when `timeout`
  /// is over.
  public func untilFinished(
    _ id: OperationID, timeout: Duration = .seconds(600), progress: (OperationRecord) -> Void = { _ in }
  ) async throws -> OperationRecord {
    let deadline = ContinuousClock.now + timeout
    var last: OperationRecord?
    while true {
      let record = try await operation(id)
      if record != last { progress(record) }
      last = record
      if record.state == .finished { return record }
      guard !record.state.isOver else { throw AdminError.operation("operation \(id) is \(record.state): \(record.note)") }
      guard ContinuousClock.now < deadline else {
        throw AdminError.operation("operation \(id) goes on: \(record.note). 'assay operation show \(id.rawValue)' tells how far it is")
      }
      try await Task.sleep(for: Self.operationPoll)
    }
  }
}
