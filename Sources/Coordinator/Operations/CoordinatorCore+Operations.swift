import Wire

extension CoordinatorCore {
  /// One operation as it is, or all of them without their details.
  func operations(_ id: OperationID?) -> CoordinatorAnswer {
    if let id {
      guard let record = state.operation(id) else { return .failure(Failure(.notFound, "there is no operation \(id) here")) }
      return .operations(Operations([record]))
    }
    return .operations(
      Operations(
        state.operations.suffix(Operations.recordsMax).map { record in
          var record = record
          record.detail = []
          return record
        }))
  }
}
