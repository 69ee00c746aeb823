import CEL

/// A list of a bundle, which rules ask by `in`. Immutable.
public final class MemberList: MemberTable {
  public let name: String
  /// Of the bundle, from which it was read.
  public let file: String
  public let type: ListType
  /// Different items, those that have expired included.
  public let count: Int
  private let content: Content

  enum Content: Sendable {
    case texts(TextSet)
    case addresses(AddressSet)
    /// Rising.
    case numbers([Int64], Expiries)
  }

  init(name: String, file: String, type: ListType, count: Int, content: Content) {
    (self.name, self.file, self.type, self.count, self.content) = (name, file, type, count, content)
  }

  public var element: ValueType { type.element }

  public func contains(_ text: UnsafeBufferPointer<UInt8>, at time: Int64) -> Bool {
    guard case .texts(let set) = content else { return false }
    return type == .prefix ? set.containsBeginning(of: text, at: time) : set.contains(text, at: time)
  }

  public func contains(_ address: (high: UInt64, low: UInt64), at time: Int64) -> Bool {
    guard case .addresses(let set) = content else { return false }
    return set.contains(address, at: time)
  }

  public func contains(_ number: Int64, at time: Int64) -> Bool {
    guard case .numbers(let numbers, let expiries) = content else { return false }
    var low = 0
    var high = numbers.count
    while low < high {
      let middle = (low + high) >> 1
      if numbers[middle] < number { low = middle + 1 } else { high = middle }
    }
    return low < numbers.count && numbers[low] == number && expiries.holds(low, at: time)
  }

  /// What it takes, without the object itself.
  public var memoryBytes: Int {
    switch content {
    case .texts(let set): set.memoryBytes
    case .addresses(let set): set.memoryBytes
    case .numbers(let numbers, let expiries): numbers.capacity * 8 + expiries.memoryBytes
    }
  }
}
