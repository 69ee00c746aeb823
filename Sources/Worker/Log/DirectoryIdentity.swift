import Wire

/// What a data directory says about itself: six lines of text, so that an operator can read it, the last of which is
/// a CRC-32C over the lines before it.
public struct DirectoryIdentity: Equatable, Sendable {
  public enum State: Equatable, Sendable {
    /// A process has it open, or died with it open.
    case open
    /// Closed properly, everything on disk.
    case clean
    /// What is on this disk must not be relied on (R15); the reason is one line.
    case distrusted(String)
  }

  public static var formatVersion: Int { 1 }

  public var cluster: ClusterID
  /// Nil until the coordinator has numbered this worker.
  public var node: NodeID?
  public var storage: StorageID
  public var incarnation: Incarnation
  public var state: State

  public init(cluster: ClusterID, node: NodeID?, storage: StorageID, incarnation: Incarnation, state: State) {
    self.cluster = cluster
    self.node = node
    self.storage = storage
    self.incarnation = incarnation
    self.state = state
  }

  public var bytes: [UInt8] {
    let stateText =
      switch state {
      case .open: "open"
      case .clean: "clean"
      case .distrusted(let reason): "distrusted " + reason.split(whereSeparator: \.isNewline).joined(separator: " ")
      }
    let body = """
      assay data directory, format \(Self.formatVersion)
      cluster \(cluster)
      node \(node.map { "\($0.rawValue)" } ?? "none")
      storage \(storage)
      incarnation \(incarnation.rawValue)
      state \(stateText)

      """
    return Array((body + "checksum \(Self.checksum(Array(body.utf8)))\n").utf8)
  }

  public init(reading bytes: [UInt8]) throws(DirectoryIdentityError) {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .damaged("it is not text") }
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let first = lines.first, first.hasPrefix("assay data directory, format ") else {
      throw .damaged("it does not begin as one")
    }
    guard let version = Int(first.dropFirst(29)) else { throw .damaged("its format number can't be read") }
    guard version == Self.formatVersion else { throw .version(version) }
    guard lines.count == 8, lines[7].isEmpty else { throw .damaged("it has \(lines.count - 1) lines, not 7") }
    let body = lines[0..<6].map { $0 + "\n" }.joined()
    guard lines[6] == "checksum \(Self.checksum(Array(body.utf8)))" else {
      throw .damaged("its checksum does not hold")
    }
    lines.removeLast(2)
    func field(_ index: Int, _ name: String) throws(DirectoryIdentityError) -> Substring {
      guard lines[index].hasPrefix(name + " ") else { throw .damaged("line \(index + 1) is not its \(name)") }
      return lines[index].dropFirst(name.count + 1)
    }
    guard let cluster = ClusterID(try field(1, "cluster")) else { throw .damaged("its cluster id can't be read") }
    let node = try field(2, "node")
    guard node == "none" || UInt32(node) != nil else { throw .damaged("its node number can't be read") }
    guard let storage = StorageID(try field(3, "storage")) else { throw .damaged("its storage id can't be read") }
    guard let incarnation = UInt64(try field(4, "incarnation")) else { throw .damaged("its incarnation can't be read") }
    let state = try field(5, "state")
    self.cluster = cluster
    self.node = UInt32(node).map { NodeID($0) }
    self.storage = storage
    self.incarnation = Incarnation(incarnation)
    if state == "open" {
      self.state = .open
    } else if state == "clean" {
      self.state = .clean
    } else if state.hasPrefix("distrusted ") {
      self.state = .distrusted(String(state.dropFirst(11)))
    } else {
      throw .damaged("its state can't be read")
    }
  }

  private static func checksum(_ body: [UInt8]) -> String {
    body.withUnsafeBytes { String(hexadecimal(UInt64(crc32c($0))).suffix(8)) }
  }
}

public enum DirectoryIdentityError: Error, Equatable, Sendable {
  case version(Int)
  case damaged(String)
}
