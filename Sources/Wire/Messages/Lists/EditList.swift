/// Adds, removes or drops one hot item of a list. The answer is a `ListEdited`.
public struct EditList: ClusterMessage {
  public static var kind: FrameKind { .editList }

  public var list: String
  public var item: String
  public var operation: ListItem.Operation
  /// As `ListItem.until`.
  public var until: Int64
  /// For the audit log and for `assay list show`.
  public var reason: String

  public init(list: String, item: String, operation: ListItem.Operation, until: Int64 = ListItem.never, reason: String) {
    self.list = list
    self.item = item
    self.operation = operation
    self.until = until
    self.reason = reason
  }

  public func write(to out: inout WireWriter) {
    out.write(list)
    out.write(item)
    out.write(operation.rawValue)
    out.write(until)
    out.write(reason)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    let start = reader.position
    list = try reader.readString(limit: ClusterLimit.nameLength)
    item = try reader.readString(limit: ListItem.itemLengthMax)
    operation = try reader.read(code: ListItem.Operation.self)
    until = try reader.read(Int64.self)
    reason = try reader.readString(limit: ListItemRecord.textLengthMax)
    guard !list.isEmpty, !item.isEmpty, !reason.isEmpty else { throw .invalid(at: start, "an edit names a list, an item and a reason") }
  }
}
