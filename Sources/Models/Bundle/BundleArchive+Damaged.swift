import Wire

extension BundleArchive {
  /// What can be read of a file that is perhaps damaged: whole files up to the fault, and what the fault is.
  public static func readable(_ bytes: [UInt8]) -> (archive: BundleArchive, problem: String?) {
    var archive = BundleArchive(files: [:])
    var reader = WireReader(bytes.span.bytes)
    do throws(WireError) {
      guard try reader.read(UInt64.self) == magic else { return (archive, "the file does not begin as a bundle does") }
      for _ in 0..<(try reader.readCount(itemSize: 6, limit: filesMax)) {
        let path = try reader.readString()
        archive.files[path] = try reader.readBlock(limit: fileSizeMax)
      }
      try reader.finish()
      return (archive, nil)
    } catch {
      return (archive, "behind \(archive.files.count) whole files: \(error)")
    }
  }
}
