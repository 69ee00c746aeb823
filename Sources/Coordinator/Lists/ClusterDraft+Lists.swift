import Wire

extension ClusterDraft {
  /// Bytes of all hot items with their reasons in the store: a restore writes them in one transaction, of which etcd takes 1.4 MB.
  static let listBytesMax = 600_000

  /// Adds, removes or drops a hot item; its version, or why not. Both are in the audit log.
  mutating func edit(_ edit: EditList, by requester: String, wall: Int64) -> Result<UInt64, Failure> {
    let known = state.listItems.contains { record in
      record.item.list == edit.list && record.item.item == edit.item && record.item.operation != .drop
    }
    if edit.operation != .drop {
      // What was dropped gives way to what is to be kept; whoever has not heard of it begins anew.
      while isFull(for: edit, by: requester), let drop = state.listItems.firstIndex(where: { $0.item.operation == .drop }) {
        forgetListDrop(at: drop)
      }
    }
    if let failure = refusal(of: edit, by: requester, isKnown: known) {
      audit(requester, Self.describe(edit), "refused: \(failure.message)", wall: wall)
      return .failure(failure)
    }
    let version = state.listCounter.last + 1
    putListItem(
      ListItemRecord(
        item: ListItem(version: version, list: edit.list, item: edit.item, operation: edit.operation, until: edit.until),
        requester: edit.operation == .drop ? "" : Self.cut(requester, ListItemRecord.textLengthMax),
        reason: edit.operation == .drop ? "" : Self.cut(edit.reason, ListItemRecord.textLengthMax),
        time: wall))
    let drops = state.listItems.indices.filter { state.listItems[$0].item.operation == .drop }
    if drops.count > ListItem.droppedMax { forgetListDrop(at: drops[0]) }
    audit(requester, Self.describe(edit), "list version \(version)", wall: wall)
    return .success(version)
  }

  private func isFull(for edit: EditList, by requester: String) -> Bool {
    let bytes = state.listItems.reduce(0) { sum, record in
      let isSame = record.item.list == edit.list && record.item.item == edit.item
      return sum + (isSame ? 0 : Self.storedBytes(record.item.list, record.item.item, record.requester, record.reason))
    }
    return bytes + Self.storedBytes(edit.list, edit.item, requester, edit.reason) > Self.listBytesMax
  }

  private func refusal(of edit: EditList, by requester: String, isKnown: Bool) -> Failure? {
    switch edit.operation {
    case .drop:
      guard !isKnown else { return nil }
      return Failure(.notFound, "there is no hot item '\(edit.item)' of list '\(edit.list)': 'assay list show' names those that there are")
    case .add, .remove:
      let count = state.listItems.count { $0.item.operation != .drop }
      guard !isKnown && count >= ListItem.countMax || isFull(for: edit, by: requester) else { return nil }
      return Failure(
        .busy,
        "there are \(count) hot items, and the coordinator's store has no room for more: put them into the bundle's lists, activate it, and drop them with 'assay list drop'",
        isRetriable: false)
    }
  }

  /// Of a record with its key.
  private static func storedBytes(_ texts: String...) -> Int { texts.reduce(96) { $0 + $1.utf8.count } }

  static func describe(_ edit: EditList) -> String {
    let text =
      switch edit.operation {
      case .add: "add '\(edit.item)' to list \(edit.list)"
      case .remove: "remove '\(edit.item)' from list \(edit.list)"
      case .drop: "drop the hot item '\(edit.item)' of list \(edit.list)"
      }
    return text + (edit.until == ListItem.never ? "" : " until \(edit.until)") + ", because: \(edit.reason)"
  }
}
