import Foundation
import Glibc
import Models
import Wire

/// A bundle as a person edits it: a directory of files.
struct BundleDirectory {
  /// Folders whose files all belong to the bundle. At the top, definitions (`.yaml`) and models (`.json`) do.
  static let folders = ["models", "lists", "geo", "rules", "tests", "zones", "signatures"]
  static let depthMax = 8

  let path: String

  /// Reads what belongs to the bundle, and nothing else: a stray file in the directory must not change the bundle's id.
  func read() throws -> BundleArchive {
    guard FileManager.default.fileExists(atPath: "\(path)/bundle.yaml") else {
      throw OneLine("\(path) has no bundle.yaml: give the directory of a bundle (assay train ... --bundle DIR makes one)")
    }
    var archive = BundleArchive(files: [:])
    var total = 0
    for name in try names(in: path) {
      let file = "\(path)/\(name)"
      if Self.folders.contains(name) {
        try add(folder: name, depth: 1, to: &archive, &total)
      } else if name.hasSuffix(".yaml") || name.hasSuffix(".json") {
        archive.files[name] = try contents(file, &total)
      }
    }
    return archive
  }

  private func add(folder: String, depth: Int, to archive: inout BundleArchive, _ total: inout Int) throws {
    guard depth <= Self.depthMax else { throw OneLine("\(path)/\(folder): folders are nested too deep") }
    for name in try names(in: "\(path)/\(folder)") {
      let relative = "\(folder)/\(name)"
      guard BundleArchive.isPath(relative) else { throw OneLine("\(path)/\(relative): the name is too long for a bundle") }
      if try kind(of: "\(path)/\(relative)") == S_IFDIR {
        try add(folder: relative, depth: depth + 1, to: &archive, &total)
      } else {
        archive.files[relative] = try contents("\(path)/\(relative)", &total)
      }
      guard archive.files.count <= BundleArchive.filesMax else {
        throw OneLine("\(path) has more than \(BundleArchive.filesMax) files")
      }
    }
  }

  /// Without hidden ones, which editors leave behind.
  private func names(in directory: String) throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: directory).filter { !$0.hasPrefix(".") }.sorted()
    } catch {
      throw OneLine("can't read \(directory): \(error.localizedDescription)")
    }
  }

  private func kind(of file: String) throws -> mode_t {
    var status = stat()
    guard lstat(file, &status) == 0 else { throw OneLine("can't read \(file): \(String(cString: strerror(errno)))") }
    return status.st_mode & S_IFMT
  }

  private func contents(_ file: String, _ total: inout Int) throws -> [UInt8] {
    guard try kind(of: file) == S_IFREG else {
      throw OneLine("\(file) is no regular file: put the file itself there, not a link")
    }
    guard let data = FileManager.default.contents(atPath: file) else {
      throw OneLine("can't read \(file): \(String(cString: strerror(errno)))")
    }
    guard data.count <= BundleArchive.fileSizeMax else {
      throw OneLine("\(file) has \(NumberText.bytes(data.count)); at most \(NumberText.bytes(BundleArchive.fileSizeMax)) are allowed")
    }
    total += data.count
    guard total <= ClusterLimit.bundleSize else {
      throw OneLine("\(path) is larger than \(NumberText.bytes(ClusterLimit.bundleSize)) in all, the most that a bundle may have")
    }
    return [UInt8](data)
  }

  /// Writes the files of a bundle. The directory may exist; its files are replaced only if `replacing`.
  func write(_ archive: BundleArchive, replacing: Bool) throws {
    for name in archive.files.keys.sorted() {
      precondition(BundleArchive.isPath(name), "a bundle's paths stay below its directory")
      let file = "\(path)/\(name)"
      let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
      do {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      } catch {
        throw OneLine("can't make \(folder): \(error.localizedDescription)")
      }
      try FreshFile.write(archive.files[name]!, to: file, replacing: replacing)
    }
  }
}
