import CKernels
import Glibc

/// The operating system's file calls as the journal, the outbox and the data directory use them. Tests put failing
/// ones in place; everyone else takes `.posix`.
///
/// Calls answer like the kernel's own: a count or descriptor, or a negative errno.
struct FileSystem: Sendable {
  var open: @Sendable (_ path: String, _ flags: Int32) -> Int
  var close: @Sendable (_ file: Int32) -> Void
  var write: @Sendable (_ file: Int32, _ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int
  var read: @Sendable (_ file: Int32, _ into: UnsafeMutableRawBufferPointer, _ at: Int) -> Int
  /// Begins to write a range down, without waiting and without any promise.
  var startWriteBack: @Sendable (_ file: Int32, _ at: Int, _ count: Int) -> Void = { _, _, _ in }
  /// A file's data and size.
  var sync: @Sendable (_ file: Int32) -> Int
  /// A directory's entries.
  var syncNames: @Sendable (_ directory: Int32) -> Int
  var allocate: @Sendable (_ file: Int32, _ bytes: Int) -> Int
  var truncate: @Sendable (_ file: Int32, _ bytes: Int) -> Int
  var size: @Sendable (_ file: Int32) -> Int
  var rename: @Sendable (_ from: String, _ to: String) -> Int
  var remove: @Sendable (_ path: String) -> Int
  /// Bytes that this process may still use on the disk that holds `path`.
  var freeBytes: @Sendable (_ path: String) -> Int
  var makeDirectory: @Sendable (_ path: String) -> Int
  /// Names in a directory, in no order.
  var names: @Sendable (_ directory: String) -> Result<[String], FileError>
  /// Takes an advisory lock on a file, unless another process has it.
  var lock: @Sendable (_ file: Int32) -> Int
  /// Names the time since the machine was last started: another one each time. Empty where that can't be told.
  var boot: @Sendable () -> String = { "" }

  static let posix = FileSystem(
    open: { path, flags in answer(Int(Glibc.open(path, flags | O_CLOEXEC, 0o640))) },
    close: { _ = Glibc.close($0) },
    write: { file, bytes, at in answer(pwrite(file, bytes.baseAddress, bytes.count, off_t(at))) },
    read: { file, into, at in answer(pread(file, into.baseAddress, into.count, off_t(at))) },
    startWriteBack: { file, at, count in _ = assay_start_writeback(file, Int64(at), Int64(count)) },
    sync: { answer(Int(fdatasync($0))) },
    syncNames: { answer(Int(fsync($0))) },
    allocate: { file, bytes in -Int(posix_fallocate(file, 0, off_t(bytes))) },
    truncate: { file, bytes in answer(Int(ftruncate(file, off_t(bytes)))) },
    size: { file in
      var status = stat()
      return fstat(file, &status) == 0 ? Int(status.st_size) : -Int(errno)
    },
    rename: { answer(Int(Glibc.rename($0, $1))) },
    remove: { answer(Int(unlink($0))) },
    freeBytes: { path in
      var status = statvfs()
      return statvfs(path, &status) == 0 ? Int(status.f_bavail) * Int(status.f_frsize) : -Int(errno)
    },
    makeDirectory: { answer(Int(mkdir($0, 0o750))) },
    names: { path in
      guard let handle = opendir(path) else { return .failure(FileError(call: "list", path: path, code: errno)) }
      defer { closedir(handle) }
      var names: [String] = []
      while let entry = readdir(handle) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
        }
        if name != "." && name != ".." { names.append(name) }
      }
      return .success(names)
    },
    lock: { answer(Int(flock($0, LOCK_EX | LOCK_NB))) },
    boot: {
      let file = Glibc.open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
      guard file >= 0 else { return "" }
      defer { _ = Glibc.close(file) }
      var text = [UInt8](repeating: 0, count: 64)
      let count = Glibc.read(file, &text, text.count)
      return String(decoding: text.prefix(max(0, count)).filter { $0 > 32 && $0 < 127 }, as: UTF8.self)
    }
  )

  private static func answer(_ result: Int) -> Int { result < 0 ? -Int(errno) : result }
}

/// A file call that failed: which, on what, and the system's reason.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
  public let call: String
  public let path: String
  public let code: Int32

  public init(call: String, path: String, code: Int32) {
    self.call = call
    self.path = path
    self.code = code
  }

  public var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }

  public var description: String {
    let advice =
      isDiskFull
      ? "; free some space on this disk"
      : code == EACCES || code == EPERM ? "; give this user the right to it" : ""
    return "\(call) \(path): \(String(cString: strerror(code)))\(advice)"
  }
}

extension FileSystem {
  func openFile(_ path: String, _ flags: Int32) throws(FileError) -> File {
    File(descriptor: Int32(try check(retrying { open(path, flags) }, "open", path)), path: path, system: self)
  }

  /// Makes the names in a directory durable.
  func syncDirectory(_ path: String) throws(FileError) {
    let directory = try openFile(path, O_RDONLY | O_DIRECTORY)
    defer { directory.close() }
    try check(retrying { syncNames(directory.descriptor) }, "fsync", path)
  }

  func directoryEntries(_ path: String) throws(FileError) -> [String] { try names(path).get() }

  /// Creates a directory with its parents, each name made durable.
  func createDirectory(_ path: String) throws(FileError) {
    let made = makeDirectory(path)
    if made == 0 {
      let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
      return try syncDirectory(parent)
    }
    if made == -Int(EEXIST) { return }
    guard made == -Int(ENOENT), let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw FileError(call: "create directory", path: path, code: Int32(-made))
    }
    try createDirectory(String(path[..<slash]))
    try createDirectory(path)
  }

  func renameFile(_ from: String, to: String) throws(FileError) {
    _ = try check(retrying { rename(from, to) }, "rename", from)
  }
  func removeFile(_ path: String) throws(FileError) { _ = try check(retrying { remove(path) }, "remove", path) }

  /// Replaces a small file so that whoever reads it, after whatever crash, finds the old or the new contents whole.
  func replaceFile(_ name: String, in directory: String, with bytes: [UInt8]) throws(FileError) {
    let temporary = "\(directory)/\(name).new"
    do throws(FileError) {
      let file = try openFile(temporary, O_WRONLY | O_CREAT | O_TRUNC)
      defer { file.close() }
      try file.write(bytes, at: 0)
      try file.sync()
    } catch { throw error }
    try renameFile(temporary, to: "\(directory)/\(name)")
    try syncDirectory(directory)
  }

  /// The whole of a file, or nil where there is none. At most `limit` bytes.
  func contents(_ path: String, limit: Int = 256 * 1024 * 1024) throws(FileError) -> [UInt8]? {
    let file: File
    do throws(FileError) {
      file = try openFile(path, O_RDONLY)
    } catch {
      if error.code == ENOENT { return nil }
      throw error
    }
    defer { file.close() }
    let size = try file.size()
    guard size <= limit else { throw FileError(call: "read", path: path, code: EFBIG) }
    return try file.read(size, at: 0)
  }

  func retrying(_ call: () -> Int) -> Int {
    while true {
      let result = call()
      if result != -Int(EINTR) { return result }
    }
  }

  @discardableResult
  func check(_ result: Int, _ call: String, _ path: String) throws(FileError) -> Int {
    guard result >= 0 else { throw FileError(call: call, path: path, code: Int32(-result)) }
    return result
  }
}

/// An open file. Whoever opened it closes it, once.
struct File: Sendable {
  let descriptor: Int32
  let path: String
  let system: FileSystem

  func close() { system.close(descriptor) }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      let count = try system.check(system.retrying { system.write(descriptor, rest, offset + done) }, "write", path)
      guard count > 0 else { throw FileError(call: "write", path: path, code: EIO) }
      done += count
    }
  }

  /// Fills `into` as far as the file goes; returns how far.
  func read(_ into: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
    var done = 0
    while done < into.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: into[done...])
      let count = try system.check(system.retrying { system.read(descriptor, rest, offset + done) }, "read", path)
      if count == 0 { break }
      done += count
    }
    return done
  }

  func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
    try bytes.withUnsafeBufferPointer { (all) throws(FileError) in try write(UnsafeRawBufferPointer(all), at: offset) }
  }

  /// Up to `count` bytes: fewer where the file ends.
  func read(_ count: Int, at offset: Int) throws(FileError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let read = try bytes.withUnsafeMutableBufferPointer { (all) throws(FileError) in
      try self.read(UnsafeMutableRawBufferPointer(all), at: offset)
    }
    bytes.removeLast(count - read)
    return bytes
  }

  /// Has the kernel begin to write `range` down: what a later `sync` would write at once, and in the way of others, is on the disk by then.
  func startWriteBack(_ range: Range<Int>) { system.startWriteBack(descriptor, range.lowerBound, range.count) }

  /// Never tried again after an error: the kernel may have dropped the pages that it could not write (R15).
  func sync() throws(FileError) { _ = try system.check(system.retrying { system.sync(descriptor) }, "fdatasync", path) }
  func size() throws(FileError) -> Int { try system.check(system.size(descriptor), "stat", path) }
  func truncate(to bytes: Int) throws(FileError) {
    _ = try system.check(system.retrying { system.truncate(descriptor, bytes) }, "truncate", path)
  }

  /// Gives the file `bytes` bytes, with disk space behind all of them.
  func allocate(_ bytes: Int) throws(FileError) {
    try system.check(system.retrying { system.allocate(descriptor, bytes) }, "allocate", path)
  }
}
