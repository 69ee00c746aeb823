/// A hot item as the coordinator keeps it: with who asked for it, when, and why.
public struct ListItemRecord: WireValue {
  public var item: ListItem
  /// As its certificate says.
  public var requester: String
  public var reason: String
  /// Milliseconds since the Unix epoch, by the coordinator's clock.
  public var time: Int64

  /// UTF-8 bytes of the requester and of the reason.
  public static let textLengthMax = 256
  static let encodedSizeMin = ListItem.encodedSizeMin + 2 + 2 + 8

  public init(item: ListItem, requester: String, reason: String, time: Int64) {
    self.item = item
    self.requester = requester
    self.reason = reason
    self.time = time
  }

  public func write(to out: inout WireWriter) {
    item.write(to: &out)
    out.write(requester)
    out.write(reason)
    out.write(time)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    item = try ListItem(from: &reader)
    requester = try reader.readString(limit: Self.textLengthMax)
    reason = try reader.readString(limit: Self.textLengthMax)
    time = try reader.read(Int64.self)
  }
}
