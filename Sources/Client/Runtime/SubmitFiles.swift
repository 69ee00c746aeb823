import Foundation
import Glibc
import Wire

/// The files that a submission writes: its progress, and the decisions. Used from one thread, but for its beginning.
///
/// Decisions grow in `<output>.partial`, in the order of the input, and get their name when they are complete. After an
/// interruption the partial file is cut back to the acknowledged rows.
final class SubmitFiles: @unchecked Sendable {
  let progressPath: String
  let outputPath: String?
  private var output: CInt = -1

  var partialPath: String? { outputPath.map { $0 + ".partial" } }

  init(progressPath: String, outputPath: String?) {
    self.progressPath = progressPath
    self.outputPath = outputPath
  }

  deinit { if output >= 0 { Glibc.close(output) } }

  /// The progress of an earlier call; nil where there is none.
  func load() throws(ClientError) -> SubmitCheckpoint? {
    guard access(progressPath, F_OK) == 0 else { return nil }
    guard let data = FileManager.default.contents(atPath: progressPath) else {
      throw .file(path: progressPath, "can't be read: \(systemText(errno))")
    }
    guard let checkpoint = try? JSONDecoder().decode(SubmitCheckpoint.self, from: data),
      checkpoint.version == SubmitCheckpoint.currentVersion
    else {
      throw .usage("\(progressPath) is no progress file of this version: give --again to start over")
    }
    return checkpoint
  }

  /// Opens the file of decisions and cuts it back to `length`; a new one begins with `header`. Returns its length.
  func openOutput(length: Int64, header: String) throws(ClientError) -> Int64 {
    guard let partialPath else { return 0 }
    output = open(partialPath, O_WRONLY | O_CREAT | O_CLOEXEC, 0o640)
    guard output >= 0 else { throw .file(path: partialPath, "can't be written: \(systemText(errno))") }
    var status = stat()
    guard fstat(output, &status) == 0 else { throw .file(path: partialPath, systemText(errno)) }
    guard Int64(status.st_size) >= length else {
      throw .usage(
        "\(partialPath) is shorter than the progress in \(progressPath) says: give --again to start over")
    }
    guard ftruncate(output, off_t(length)) == 0, lseek(output, off_t(length), SEEK_SET) >= 0 else {
      throw .file(path: partialPath, "can't be cut: \(systemText(errno))")
    }
    guard length == 0 else { return length }
    try append(Array(header.utf8))
    return Int64(header.utf8.count)
  }

  func append(_ bytes: [UInt8]) throws(ClientError) {
    guard let partialPath else { return }
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(output, $0.baseAddress! + written, $0.count - written) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .file(path: partialPath, "can't be written: \(systemText(errno))") }
      written += count
    }
  }

  /// Puts the progress on disk, after the decisions that it counts. Either the old or the new one is there, whole.
  func save(_ checkpoint: SubmitCheckpoint) throws(ClientError) {
    if output >= 0, fdatasync(output) != 0 { throw .file(path: partialPath!, "can't be written: \(systemText(errno))") }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    guard let data = try? encoder.encode(checkpoint) else { preconditionFailure("a checkpoint is plain JSON") }
    let temporary = progressPath + ".new"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
    guard file >= 0 else {
      throw .file(path: temporary, "can't be written: \(systemText(errno)); name another place with --progress")
    }
    defer { Glibc.close(file) }
    let bytes = [UInt8](data) + [UInt8(ascii: "\n")]
    guard Glibc.write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
      throw .file(path: temporary, "can't be written: \(systemText(errno))")
    }
    guard rename(temporary, progressPath) == 0 else { throw .file(path: progressPath, "can't be replaced: \(systemText(errno))") }
    Self.syncDirectory(of: progressPath)
  }

  /// Gives the decisions their name, after the progress has said that all is done. A call after a crash in between does
  /// it then: see `finishPublishing`.
  func publishOutput() throws(ClientError) {
    guard let partialPath, let outputPath else { return }
    guard rename(partialPath, outputPath) == 0 else {
      throw .file(path: outputPath, "can't be written: \(systemText(errno))")
    }
    Self.syncDirectory(of: outputPath)
  }

  /// For a submission that was done before.
  func finishPublishing() throws(ClientError) {
    if let partialPath, access(partialPath, F_OK) == 0 { try publishOutput() }
  }

  private static func syncDirectory(of path: String) {
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let file = open(directory.isEmpty ? "/" : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard file >= 0 else { return }
    // Not every file system can; the rename is atomic all the same.
    _ = fsync(file)
    Glibc.close(file)
  }
}

/// `path` from the root, for comparing; links in it stay.
func absolutePath(_ path: String) -> String {
  path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
}
