import Wire

/// Whoever reads the workers' outboxes: takes each file of decisions as it is closed.
final class Sinks {
  struct Key: Hashable {
    var partition: UInt32
    var offset: UInt64
  }

  private let world: World
  private(set) var seen: [Key: String] = [:]
  private var alerts: [Key: String] = [:]

  init(_ world: World) { self.world = world }

  func renamed(_ path: String, _ bytes: [UInt8]) {
    guard path.hasSuffix(".ndjson"), let name = path.split(separator: "/").last else { return }
    if name.hasPrefix("decisions-") { take(bytes, &seen, "decision") }
    if name.hasPrefix("alerts-") { take(bytes, &alerts, "alert") }
  }

  private func take(_ bytes: [UInt8], _ into: inout [Key: String], _ what: String) {
    for line in bytes.split(separator: 10) {
      let text = String(decoding: line, as: UTF8.self)
      guard let partition = Self.number("partition", line), let offset = Self.number("offset", line) else {
        return world.fail("a sink got a line that it can't read: \(text)")
      }
      let key = Key(partition: UInt32(partition), offset: offset)
      if let before = into[key], before != text {
        return world.fail("the sinks got two different \(what)s for partition \(partition) offset \(offset): \(before) and \(text)")
      }
      into[key] = text
    }
  }

  static func number(_ field: String, _ line: ArraySlice<UInt8>) -> UInt64? {
    let name = Array("\"\(field)\":".utf8)
    var at = line.startIndex
    while at + name.count < line.endIndex {
      if line[at] == name[0], line[at..<at + name.count].elementsEqual(name) {
        let digits = line[(at + name.count)...].prefix { (48...57).contains($0) }
        return digits.isEmpty ? nil : digits.reduce(UInt64(0)) { $0 * 10 + UInt64($1 - 48) }
      }
      at += 1
    }
    return nil
  }
}
