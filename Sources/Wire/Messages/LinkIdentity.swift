/// Who speaks on a link: what each side says of itself in the hello, and what its certificate's SAN URI must bear out.
public struct LinkIdentity: WireValue, Hashable, CustomStringConvertible {
  /// What a party may be. The word is the one in the SAN URI (`assay://<realm>/<role>/<name>`).
  public enum Role: UInt8, Sendable, CaseIterable, CustomStringConvertible {
    case node = 1
    case client, admin, coordinator

    public var description: String {
      switch self {
      case .node: "node"
      case .client: "client"
      case .admin: "admin"
      case .coordinator: "coordinator"
      }
    }

    public init?(word: some StringProtocol) {
      guard let role = Self.allCases.first(where: { $0.description == word }) else { return nil }
      self = role
    }
  }

  /// What a party can do beyond its protocol version; both sides use what both have.
  public struct Features: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// Unpacks LZ4 payloads.
    public static var compression: Features { Features(rawValue: 1) }
    /// Reads answers whose decisions name the version of the lists' hot items.
    public static var listVersions: Features { Features(rawValue: 2) }
    /// All that this build can do.
    public static var all: Features { [.compression, .listVersions] }
  }

  /// Bounds, in UTF-8 bytes.
  public static var nameLengthMax: Int { ClusterLimit.nameLength }
  public static var productLengthMax: Int { 64 }

  /// `.none` as long as the party belongs to no cluster: a worker before its first join, a client at its first connect.
  public var cluster: ClusterID
  public var role: Role
  /// 1 to 63 bytes: letters, digits, `-`, `_`, `.`; the first is no dot.
  public var name: String
  /// nil before the coordinator has given one, and for parties that are not workers.
  public var node: NodeID?
  public var incarnation: Incarnation
  public var storage: StorageID
  public var features: Features
  /// Name and version of the program, for the operator's eyes; nothing depends on it. At most 64 bytes.
  public var product: String

  public init(
    cluster: ClusterID = .none, role: Role, name: String, node: NodeID? = nil,
    incarnation: Incarnation = Incarnation(0),
    storage: StorageID = .none, features: Features = .all, product: String = ""
  ) {
    precondition(Self.isName(name), "a name has 1 to 63 letters, digits, '-', '_' or (not first) '.'")
    precondition(product.utf8.count <= Self.productLengthMax, "a product version has at most 64 bytes")
    self.cluster = cluster
    self.role = role
    self.name = name
    self.node = node
    self.incarnation = incarnation
    self.storage = storage
    self.features = features
    self.product = product
  }

  /// Whether `text` may name a party. Such names need no escapes in a URI, a log line or a file name.
  public static func isName(_ text: some StringProtocol) -> Bool {
    guard (1...nameLengthMax).contains(text.utf8.count), text.utf8.first != UInt8(ascii: ".") else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
      default: false
      }
    }
  }

  public var description: String { "\(role) \(name)" }

  public func write(to out: inout WireWriter) {
    out.write(cluster)
    out.write(role.rawValue)
    out.write(name)
    out.write(node?.rawValue ?? 0)
    out.write(incarnation.rawValue)
    out.write(storage)
    out.write(features.rawValue)
    out.write(product)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    cluster = try reader.read(id: ClusterID.self)
    role = try reader.read(code: Role.self)
    let nameAt = reader.position
    name = try reader.readString(limit: Self.nameLengthMax)
    guard Self.isName(name) else {
      throw WireError.invalid(at: nameAt, "a name has 1 to 63 letters, digits, '-', '_' or (not first) '.'")
    }
    let number = try reader.read(UInt32.self)
    node = number == 0 ? nil : NodeID(number)
    incarnation = Incarnation(try reader.read(UInt64.self))
    storage = try reader.read(id: StorageID.self)
    features = Features(rawValue: try reader.read(UInt64.self))
    product = try reader.readString(limit: Self.productLengthMax)
  }
}
