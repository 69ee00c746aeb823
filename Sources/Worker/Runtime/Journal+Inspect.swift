extension JournalInspector {
  /// Prints the segment file at `path`.
  @discardableResult
  public func inspect(path: String, _ print: (String) -> Void) throws(FileError) -> Summary {
    guard let bytes = try FileSystem.posix.contents(path, limit: 2 << 30) else {
      throw FileError(call: "open", path: path, code: 2)
    }
    return bytes.withUnsafeBytes { inspect($0, print) }
  }
}
