import Wire

/// The texts of codes as bytes that stay where they are, for frames that point at them.
enum CodeTexts {
  static func channel(_ channel: Channel) -> UnsafeBufferPointer<UInt8> { table.channels[Int(channel.rawValue)] }
  static func entryMode(_ mode: EntryMode) -> UnsafeBufferPointer<UInt8> { table.entryModes[Int(mode.rawValue)] }

  /// A proven transaction's, so one that is known.
  static func currency(_ currency: Currency) -> UnsafeBufferPointer<UInt8> { table.currencies[Int(currency.numeric)] }

  private struct Table: @unchecked Sendable {
    let channels = Channel.allCases.map { kept($0.name) }
    let entryModes = EntryMode.allCases.map { kept($0.name) }
    let currencies = (0..<UInt16(1000)).map { kept(Currency(numeric: $0).description) }

    /// Never freed: there is one table in a process.
    private static func kept(_ text: String) -> UnsafeBufferPointer<UInt8> {
      let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.utf8.count)
      _ = bytes.initialize(from: text.utf8)
      return UnsafeBufferPointer(bytes)
    }
  }

  private static let table = Table()
}
