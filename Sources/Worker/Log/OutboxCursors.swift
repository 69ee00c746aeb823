import Wire

/// What an outbox has handed over: the files of its last cut, and for each partition the offset up to which every
/// decision and alert stands in closed files. Replacing the file that holds this is what commits a cut.
///
/// Text, so that an operator can read it:
/// ```
/// assay outbox cursors, format 1
/// file decisions-3-00000012-0000000042.ndjson 183002
/// partition 7 end 120034
/// checksum 9ab01c2d
/// ```
/// The checksum is a CRC-32C over the lines before it. Files and partitions stand in rising order.
public struct OutboxCursors: Equatable, Sendable {
  public struct File: Equatable, Sendable {
    /// Name without directory, as it is called once it is closed.
    public var name: String
    public var bytes: Int

    public init(name: String, bytes: Int) {
      self.name = name
      self.bytes = bytes
    }
  }

  public static var title: String { "assay outbox cursors, format 1" }

  /// The files that the last cut closed; some may still have to be renamed.
  public var files: [File] = []
  public var ends: [PartitionID: Offset] = [:]

  public init() {}

  public var bytes: [UInt8] {
    var text = Self.title + "\n"
    for file in files { text += "file \(file.name) \(file.bytes)\n" }
    for (partition, end) in ends.sorted(by: { $0.key < $1.key }) {
      text += "partition \(partition.rawValue) end \(end.rawValue)\n"
    }
    return Array((text + "checksum \(Self.checksum(text))\n").utf8)
  }

  public init(reading bytes: [UInt8]) throws(OutboxCursorsError) {
    guard let text = String(validating: bytes, as: UTF8.self), text.last == "\n" else {
      throw .damaged("it does not end as one")
    }
    var lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)
    guard let title = lines.first, title == Self.title else { throw .damaged("it does not begin as one of format 1") }
    let last = lines.removeLast()
    guard last == "checksum \(Self.checksum(lines.joined(separator: "\n") + "\n"))" else {
      throw .damaged("its checksum does not hold")
    }
    for (index, line) in lines.enumerated().dropFirst() {
      let words = line.split(separator: " ", omittingEmptySubsequences: false)
      if words.count == 3, words[0] == "file", let size = Int(words[2]), size >= 0 {
        files.append(File(name: String(words[1]), bytes: size))
      } else if words.count == 4, words[0] == "partition", words[2] == "end", let id = UInt32(words[1]),
        let end = UInt64(words[3])
      {
        ends[PartitionID(id)] = Offset(end)
      } else {
        throw .damaged("line \(index + 1) can't be read")
      }
    }
  }

  private static func checksum(_ text: String) -> String {
    Array(text.utf8).withUnsafeBytes { String(hexadecimal(UInt64(crc32c($0))).suffix(8)) }
  }
}

public enum OutboxCursorsError: Error, Equatable, Sendable {
  case damaged(String)
}
