import Glibc
import Wire

/// The outbox's files, without a thread: what is written, closed and found again.
///
/// A file is `<kind>-<node>-<incarnation>-<sequence>.ndjson.open` while it grows and loses `.open` when it is closed: a
/// reader that takes `.ndjson` only never sees half a record. Decisions and alerts are closed together, in one cut:
/// 1. fdatasync them, then fsync the directory, so that the grown files are there whatever happens next;
/// 2. replace `cursors`, which names them, their sizes, and each partition's end offset: this commits the cut;
/// 3. rename them, fsync the directory.
///
/// A process killed before 2 finds `.open` files that `cursors` does not name: they are removed, and the caller emits
/// everything above the cursors again. Killed after 2, the renaming is finished at the next start. So every decision
/// stands in closed files exactly once. Quarantined rows are not emitted again (their senders have been answered once they
/// were synced), so what a killed process left of them is kept, up to the last whole line.
///
/// Confined to the outbox's thread.
final class OutboxFiles: @unchecked Sendable {
  private struct Growing {
    let file: File
    let name: String
    var bytes = 0
    var synced = 0
    /// The kernel has been asked to write down everything below.
    var started = 0
  }

  /// Bytes after which the kernel is asked to write them down. Without it all of a file reaches the disk at once when it is closed, and the
  /// log's own syncs wait behind it.
  private static let writeBackBytes = 256 * 1024

  static let cursorsName = "cursors"
  static let suffix = ".ndjson"
  static let openSuffix = ".ndjson.open"

  let directory: String
  private let node: NodeID
  private let incarnation: Incarnation
  private let options: OutboxOptions
  private let system: FileSystem
  private var growing: [OutboxKind: Growing] = [:]
  private var sequence: UInt64 = 0
  private(set) var cursors: OutboxCursors
  /// Ends of what has been written into growing files.
  private var ends: [PartitionID: Offset]
  private var kept: [OutboxKind: [OutboxCursors.File]] = [:]

  init(
    directory: String, node: NodeID, incarnation: Incarnation, options: OutboxOptions, system: FileSystem
  ) throws(OutboxError) {
    self.directory = directory
    self.node = node
    self.incarnation = incarnation
    self.options = options
    self.system = system
    try OutboxError.files { () throws(FileError) in try system.createDirectory(directory) }
    cursors = try Self.readCursors(directory, system)
    ends = cursors.ends
    try OutboxError.files { () throws(FileError) in try settle() }
  }

  private static func readCursors(_ directory: String, _ system: FileSystem) throws(OutboxError) -> OutboxCursors {
    let path = "\(directory)/\(cursorsName)"
    guard let bytes = try OutboxError.files({ () throws(FileError) in try system.contents(path) }) else {
      let names = try OutboxError.files { () throws(FileError) in try system.directoryEntries(directory) }
      let emitted = names.contains { name in
        name.hasSuffix(suffix) && OutboxKind.emitted.contains { name.hasPrefix($0.rawValue + "-") }
      }
      if emitted { throw .cursorsMissing(directory: directory) }
      return OutboxCursors()
    }
    do throws(OutboxCursorsError) { return try OutboxCursors(reading: bytes) } catch {
      switch error {
      case .damaged(let what): throw .cursors(path: path, what)
      }
    }
  }

  /// Finishes or undoes what a killed process had begun.
  private func settle() throws(FileError) {
    let named = Set(cursors.files.map(\.name))
    for entry in try system.directoryEntries(directory).sorted() where entry.hasSuffix(Self.openSuffix) {
      let closedName = String(entry.dropLast(5))
      if named.contains(closedName) {
        try system.renameFile("\(directory)/\(entry)", to: "\(directory)/\(closedName)")
      } else if entry.hasPrefix(OutboxKind.quarantine.rawValue + "-") {
        try settleQuarantine(entry, closedName)
      } else {
        try system.removeFile("\(directory)/\(entry)")
      }
    }
    try system.syncDirectory(directory)
    for entry in try system.directoryEntries(directory).sorted() where entry.hasSuffix(Self.suffix) {
      guard let kind = OutboxKind.allCases.first(where: { entry.hasPrefix($0.rawValue + "-") }) else { continue }
      let file = try system.openFile("\(directory)/\(entry)", O_RDONLY)
      defer { file.close() }
      kept[kind, default: []].append(OutboxCursors.File(name: entry, bytes: try file.size()))
    }
  }

  private func settleQuarantine(_ entry: String, _ closedName: String) throws(FileError) {
    let path = "\(directory)/\(entry)"
    let whole = Self.wholeLines(try system.contents(path) ?? [])
    if whole == 0 { return try system.removeFile(path) }
    let file = try system.openFile(path, O_RDWR)
    defer { file.close() }
    try file.truncate(to: whole)
    try file.sync()
    try system.renameFile(path, to: "\(directory)/\(closedName)")
  }

  /// Length of the whole lines at the front of what a killed process left: each an object, and without the zeros that a
  /// power cut leaves where data was not written any more.
  static func wholeLines(_ bytes: [UInt8]) -> Int {
    var end = 0
    var start = 0
    while let newline = bytes[start...].firstIndex(of: 10) {
      let line = bytes[start..<newline]
      guard line.first == UInt8(ascii: "{"), line.last == UInt8(ascii: "}"), !line.contains(0) else { break }
      end = newline + 1
      start = end
    }
    return end
  }

  /// Bytes in growing files that a cut would close.
  var isEmpty: Bool { growing.allSatisfy { $0.value.bytes == 0 } && ends == cursors.ends }
  var wantsCut: Bool { growing.contains { $0.value.bytes >= options.fileBytesMax } }

  /// Adds whole lines to the growing file of `kind`. After an error half of them may stand there: the next call for this
  /// kind, which must bring the same lines, writes over them.
  func write(_ kind: OutboxKind, _ lines: UnsafeRawBufferPointer) throws(FileError) {
    guard !lines.isEmpty else { return }
    if growing[kind] == nil { growing[kind] = try open(kind) }
    var grown = growing[kind]!
    try grown.file.write(lines, at: grown.bytes)
    grown.bytes += lines.count
    if grown.bytes - grown.started >= Self.writeBackBytes {
      // Whole pages: the last one is still being filled.
      let end = grown.bytes & ~4095
      grown.file.startWriteBack(grown.started..<end)
      grown.started = end
    }
    growing[kind] = grown
  }

  /// Everything of `partition` below `end` has been written.
  func advance(_ partition: PartitionID, to end: Offset) { ends[partition] = end }

  private func open(_ kind: OutboxKind) throws(FileError) -> Growing {
    let name =
      "\(kind.rawValue)-\(node.rawValue)-\(Self.digits(incarnation.rawValue, 8))-\(Self.digits(sequence + 1, 10))\(Self.suffix)"
    let file = try system.openFile("\(directory)/\(name).open", O_RDWR | O_CREAT | O_TRUNC)
    sequence += 1
    if kind == .quarantine { try system.syncDirectory(directory) }
    return Growing(file: file, name: name)
  }

  static func digits(_ value: UInt64, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }

  /// Makes what was written of `kind` durable without closing its file.
  func sync(_ kind: OutboxKind) throws(FileError) {
    guard var grown = growing[kind], grown.synced < grown.bytes else { return }
    try grown.file.sync()
    grown.synced = grown.bytes
    growing[kind] = grown
  }

  /// Closes all files that hold anything. A `write` or `open` that failed stands before the commit: the cut may be
  /// tried again. After any other error the process must stop, and the next start settles it.
  func cut() throws(FileError) {
    guard !isEmpty else { return }
    for kind in OutboxKind.allCases { try sync(kind) }
    try system.syncDirectory(directory)
    var next = OutboxCursors()
    next.ends = ends
    next.files = OutboxKind.emitted.compactMap { kind in
      growing[kind].flatMap { $0.bytes > 0 ? OutboxCursors.File(name: $0.name, bytes: $0.bytes) : nil }
    }
    if !next.files.isEmpty || next.ends != cursors.ends {
      try system.replaceFile(Self.cursorsName, in: directory, with: next.bytes)
      cursors = next
    }
    for kind in OutboxKind.allCases {
      guard let grown = growing[kind], grown.bytes > 0 else { continue }
      try system.renameFile("\(directory)/\(grown.name).open", to: "\(directory)/\(grown.name)")
      grown.file.close()
      growing[kind] = nil
      kept[kind, default: []].append(OutboxCursors.File(name: grown.name, bytes: grown.bytes))
    }
    try system.syncDirectory(directory)
    try dropOld()
  }

  /// Keeps to `keptBytesMax`; the newest closed file of a kind always stays.
  private func dropOld() throws(FileError) {
    guard let most = options.keptBytesMax else { return }
    for kind in OutboxKind.allCases {
      var files = kept[kind] ?? []
      var total = files.reduce(0) { $0 + $1.bytes }
      while total > most, files.count > 1 {
        let oldest = files.removeFirst()
        total -= oldest.bytes
        do throws(FileError) { try system.removeFile("\(directory)/\(oldest.name)") } catch {
          // A reader may have taken it away itself.
          if error.code != ENOENT { throw error }
        }
      }
      kept[kind] = files
    }
  }

  /// Closes descriptors without closing files: they are settled at the next start.
  func abandon() {
    for grown in growing.values { grown.file.close() }
    growing = [:]
  }
}
