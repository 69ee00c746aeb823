import CEL

/// A bundle's list under the hot items of the partition whose turn it is. One event loop owns it.
final class OverlaidList: MemberTable, @unchecked Sendable {
  let list: MemberList
  var hot: HotTable?

  init(_ list: MemberList) { self.list = list }

  var element: ValueType { list.element }

  func contains(_ text: UnsafeBufferPointer<UInt8>, at time: Int64) -> Bool {
    let said = list.type == .prefix ? hot?.verdict(beginning: text, at: time) : hot?.verdict(text, at: time)
    return said ?? list.contains(text, at: time)
  }

  func contains(_ number: Int64, at time: Int64) -> Bool { hot?.verdict(number, at: time) ?? list.contains(number, at: time) }

  func contains(_ address: (high: UInt64, low: UInt64), at time: Int64) -> Bool {
    hot?.verdict(address, at: time) ?? list.contains(address, at: time)
  }
}
