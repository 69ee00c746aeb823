import Wire

/// The files of a policy bundle in one canonical byte string: the same files give the same bytes, and so the same
/// bundle id, whatever directory or machine they come from.
///
/// Magic "ASBUNDL1", u32 count, then per file, ascending by path: path (u16 length, UTF-8), contents (u32 length).
public struct BundleArchive: Equatable, Sendable {
  public static let magic: UInt64 = 0x314C_444E_5542_5341
  public static let filesMax = 4_096
  public static let fileSizeMax = 12 * 1024 * 1024

  /// Contents by path, `/` between folders.
  public var files: [String: [UInt8]]

  public init(files: [String: [UInt8]]) { self.files = files }

  public func encode() -> [UInt8] {
    var out = WireWriter(capacity: files.values.reduce(64) { $0 + $1.count + 64 })
    out.write(Self.magic)
    out.write(UInt32(files.count))
    for path in files.keys.sorted() {
      out.write(path)
      out.write(block: files[path]!)
    }
    return out.bytes
  }

  public init(reading bytes: [UInt8]) throws(DefinitionError) {
    do throws(WireError) {
      files = try Self.read(bytes.span.bytes)
    } catch {
      throw DefinitionError(file: "bundle", message: "this is not a bundle: \(error)", suggestion: "Build it again from its directory.")
    }
  }

  private static func read(_ bytes: RawSpan) throws(WireError) -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    var reader = WireReader(bytes)
    guard try reader.read(UInt64.self) == magic else { throw .invalid(at: 0, "the bytes do not begin as a bundle does") }
    var last = ""
    for index in 0..<(try reader.readCount(itemSize: 6, limit: filesMax)) {
      let at = reader.position
      let path = try reader.readString()
      guard index == 0 || path > last, isPath(path) else { throw .invalid(at: at, "file names are out of order or unsafe") }
      last = path
      files[path] = try reader.readBlock(limit: fileSizeMax)
    }
    try reader.finish()
    return files
  }

  /// Relative, without empty, `.` or `..` parts: safe to write below any directory.
  public static func isPath(_ path: String) -> Bool {
    guard (1...512).contains(path.utf8.count) else { return false }
    return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
      $0 != "" && $0 != "." && $0 != ".." && !$0.contains("\0")
    }
  }
}
