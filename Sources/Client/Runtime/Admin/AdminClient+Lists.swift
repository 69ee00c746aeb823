import Wire

extension AdminClient {
  /// Adds, removes or drops a hot item of a list. The answer comes when that is durable; the partitions follow within about a heartbeat.
  /// Asked twice it comes to the same under a higher version; a drop that was done finds nothing the second time.
  public func edit(_ edit: EditList) async throws -> ListEdited { try await ask(edit, for: ListEdited.self) }

  /// The hot items of all lists, oldest first.
  public func lists() async throws -> Lists { try await ask(ListsRequest(), for: Lists.self) }
}
