import Wire

/// The hot items of all lists as one partition's log has them up to a version. Whoever owns the partition changes it in place.
///
/// Its memory: about 300 bytes an item, of which there are at most `ListItem.countMax`.
public final class HotLists {
  /// Every item up to it is in, or was dropped; 0 before the first.
  public private(set) var version: UInt64 = 0
  /// By rising version.
  public private(set) var items: [ListItem] = []
  /// Of the items, whatever their order.
  private var sum: UInt64 = 0
  private var tables: [String: HotTable] = [:]
  /// How often it has changed: tables may be others since.
  private(set) var changes = 0

  public init() {}

  public var isEmpty: Bool { items.isEmpty }

  /// Of the list of this name; nil where it has no hot items.
  func table(_ list: String) -> HotTable? { tables[list] }

  /// - Parameters:
  ///   - items: newer than all that are there, by rising version.
  ///   - version: to which they lead; never below the one that is.
  ///   - replacing: what is there goes first.
  public func apply(_ added: [ListItem], version: UInt64, replacing: Bool) {
    precondition(version >= self.version, "the version of hot items never falls: \(version) after \(self.version)")
    if replacing {
      items = []
      sum = 0
      tables = [:]
    }
    for item in added {
      let table = tables[item.list]
      let text = Array(item.item.utf8)
      if let known = table?.version(of: text) {
        let place = items.firstIndex(above: known) - 1
        sum &-= Self.hash(items[place])
        items.remove(at: place)
        table!.remove(text)
        if table!.count == 0 { tables[item.list] = nil }
      }
      guard item.operation != .drop else { continue }
      items.append(item)
      sum &+= Self.hash(item)
      let entry = HotTable.Entry(version: item.version, isMember: item.operation == .add, until: item.until)
      if tables[item.list] == nil { tables[item.list] = HotTable() }
      tables[item.list]!.put(text, entry)
    }
    self.version = version
    changes += 1
  }

  /// The same for another partition.
  public func copy() -> HotLists {
    let copy = HotLists()
    copy.apply(items, version: version, replacing: false)
    return copy
  }

  /// Equal for the same items at the same version.
  public var digest: UInt64 { version == 0 ? 0 : sum ^ (version &* 0x9E37_79B9_7F4A_7C15) }

  private static func hash(_ item: ListItem) -> UInt64 { item.encoded.withUnsafeBytes { hash64($0, seed: 1) } }
}
