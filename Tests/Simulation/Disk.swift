import Glibc
import Wire

@testable import Worker

/// One host's disk under a page cache: what was not synced may be lost, in parts, when the power goes; names are in order.
final class Disk {
  final class File {
    var bytes: [UInt8] = []
    /// What stands on the platter of pages written since the last sync.
    var old: [Int: [UInt8]] = [:]
    /// What stands on the platter of pages whose sync has failed: the kernel has given them up, and never writes them.
    var lost: [Int: [UInt8]] = [:]
    /// Length on the platter.
    var syncedCount = 0
    /// The log that it belongs to, if it is a segment.
    let journal: String?
    /// Its writers sleep while they sync it. Small files are replaced under a lock, which no simulated thread may hold while
    /// others run.
    let isLong: Bool

    init(_ path: String) {
      let parts = path.split(separator: "/")
      let isSegment = parts.count > 2 && parts[parts.count - 2] == "journal" && parts.last!.hasPrefix("journal-")
      journal = isSegment ? String(parts[parts.count - 3]) : nil
      isLong = parts.contains { $0 == "journal" || $0 == "outbox" || $0.hasPrefix("snapshot") }
    }
  }

  private enum NameChange {
    case created(String)
    case removed(String, File)
    /// `over` is what the new name stood for before.
    case renamed(from: String, to: String, over: File?)
  }

  static let page = 4096
  private let world: World
  private(set) var files: [String: File] = [:]
  private var directories: Set<String> = ["/"]
  /// Since the last sync of their directory, oldest first.
  private var changes: [(directory: String, change: NameChange)] = []
  private var open: [Int32: (path: String, file: File?)] = [:]
  private var lastDescriptor: Int32 = 1 << 20

  // What is wrong with it.
  var capacity = 64 << 20
  /// The next syncs fail, and the kernel forgets what it could not write.
  var failingSyncs = 0
  /// Added to each sync.
  var slowness: UInt64 = 0
  /// Added to each sync of the log alone: what is small and new goes to the disk before what waits there.
  var logSlowness: UInt64 = 0
  /// Times that its machine was started.
  private(set) var boots = 1

  // What others want to hear of.
  var onWrite: ((File, UnsafeRawBufferPointer) -> Void)?
  var onSync: ((File) -> Void)?
  var onRename: ((_ path: String, File) -> Void)?

  init(_ world: World) { self.world = world }

  var usedBytes: Int { files.values.reduce(0) { $0 + $1.bytes.count } }
  var isEmpty: Bool { files.isEmpty }

  // MARK: Faults

  /// The power goes: of what was not synced an arbitrary part has reached the platter, torn at sectors.
  func losePower() {
    boots += 1
    open.removeAll()
    // Names reach the disk in order, as a file system with a journal writes them.
    let kept = changes.isEmpty ? 0 : world.random.below(changes.count + 1)
    for (_, change) in changes[kept...].reversed() { undo(change) }
    changes.removeAll()
    for (_, file) in files.sorted(by: { $0.key < $1.key }) { loseUnsynced(file) }
  }

  private func undo(_ change: NameChange) {
    switch change {
    case .created(let path): files[path] = nil
    case .removed(let path, let file): files[path] = file
    case .renamed(let from, let to, let over):
      files[from] = files[to]
      files[to] = over
    }
  }

  private func loseUnsynced(_ file: File) {
    for (page, old) in file.lost where file.old[page] == nil { restore(file, page, old) }
    file.lost.removeAll()
    let mood = world.random.below(4)
    for page in file.old.keys.sorted() {
      let old = file.old[page]!
      let start = page * Self.page
      let fate = mood == 0 ? 0 : mood == 1 ? 1 : world.random.below(3)
      if fate == 1 { continue }  // written in time
      for sector in stride(from: 0, to: Self.page, by: 512) where fate == 0 || world.random.below(2) == 0 {
        for at in sector..<sector + 512 where start + at < file.bytes.count { file.bytes[start + at] = at < old.count ? old[at] : 0 }
      }
    }
    if file.bytes.count > file.syncedCount, mood == 0 { file.bytes.removeLast(file.bytes.count - file.syncedCount) }
    markSynced(file)
  }

  private func restore(_ file: File, _ page: Int, _ old: [UInt8]) {
    let start = page * Self.page
    for at in 0..<Self.page where start + at < file.bytes.count { file.bytes[start + at] = at < old.count ? old[at] : 0 }
  }

  func killed() { open.removeAll() }

  func wipe() {
    files.removeAll()
    directories = ["/"]
    changes.removeAll()
    open.removeAll()
  }

  /// A bit on the platter turns, in a file whose name has `part`. Whether there was one to turn.
  func corrupt(_ part: String) -> Bool {
    let candidates = files.filter { $0.key.contains(part) && !$0.value.bytes.isEmpty }.sorted { $0.key < $1.key }
    guard !candidates.isEmpty else { return false }
    let file = world.random.pick(candidates).value
    let written = file.bytes.lastIndex { $0 != 0 } ?? 0
    let at = world.random.below(written + 1)
    file.bytes[at] ^= 1 << UInt8(world.random.below(8))
    return true
  }

  // MARK: Calls

  /// The file system as `process` in its present life sees it: once it is dead, nothing changes by its hand.
  func system(for process: Process) -> FileSystem {
    let life = process.incarnation
    nonisolated(unsafe) let disk = self
    nonisolated(unsafe) let owner = process
    @Sendable func alive() -> Bool { owner.isAlive && owner.incarnation == life }
    let dead = -Int(EIO)
    return FileSystem(
      open: { path, flags in alive() ? disk.open(path, flags) : dead },
      close: { if alive() { disk.open[$0] = nil } },
      write: { file, bytes, at in alive() ? disk.write(file, bytes, at) : dead },
      read: { file, into, at in alive() ? disk.read(file, into, at) : dead },
      sync: { file in
        guard alive(), let target = disk.open[file]?.file else { return dead }
        if target.isLong {
          disk.world.threads.sleep(
            .microseconds(150) + disk.world.random.within(0 ... .microseconds(1500)) + disk.slowness
              + (target.journal == nil ? 0 : disk.logSlowness))
        }
        guard alive() else { return dead }
        return disk.sync(target)
      },
      syncNames: { alive() ? disk.syncNames($0) : dead },
      allocate: { file, bytes in alive() ? disk.resize(file, to: bytes, growing: true) : dead },
      truncate: { file, bytes in alive() ? disk.resize(file, to: bytes, growing: false) : dead },
      size: { disk.open[$0]?.file?.bytes.count ?? dead },
      rename: { from, to in alive() ? disk.rename(from, to) : dead },
      remove: { alive() ? disk.remove($0) : dead },
      freeBytes: { _ in max(0, disk.capacity - disk.usedBytes) },
      makeDirectory: { alive() ? disk.makeDirectory($0) : dead },
      names: { path in
        guard alive() else { return .failure(FileError(call: "list", path: path, code: EIO)) }
        return disk.names(path)
      },
      lock: { _ in 0 }, boot: { "boot-\(disk.boots)" })
  }

  private static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  private func open(_ path: String, _ flags: Int32) -> Int {
    lastDescriptor += 1
    if directories.contains(path) {
      open[lastDescriptor] = (path, nil)
      return Int(lastDescriptor)
    }
    guard !(flags & O_DIRECTORY != 0), directories.contains(Self.parent(path)) else { return -Int(ENOENT) }
    if files[path] == nil {
      guard flags & O_CREAT != 0 else { return -Int(ENOENT) }
      files[path] = File(path)
      changes.append((Self.parent(path), .created(path)))
    } else if flags & O_TRUNC != 0 {
      resize(files[path]!, to: 0)
    }
    open[lastDescriptor] = (path, files[path])
    return Int(lastDescriptor)
  }

  private func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Int {
    guard let file = open[descriptor]?.file else { return -Int(EBADF) }
    let end = offset + bytes.count
    if end > file.bytes.count {
      guard usedBytes + end - file.bytes.count <= capacity else { return -Int(ENOSPC) }
      file.bytes.append(contentsOf: repeatElement(0, count: end - file.bytes.count))
    }
    remember(file, offset..<end)
    file.bytes.withUnsafeMutableBytes { UnsafeMutableRawBufferPointer(rebasing: $0[offset..<end]).copyMemory(from: bytes) }
    onWrite?(file, bytes)
    return bytes.count
  }

  /// Keeps what stands on the platter before it is overwritten in the page cache.
  private func remember(_ file: File, _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    for page in range.lowerBound / Self.page...(range.upperBound - 1) / Self.page where file.old[page] == nil {
      let start = page * Self.page
      let end = min(start + Self.page, file.syncedCount)
      file.old[page] = start < end ? Array(file.bytes[start..<end]) : []
    }
  }

  private func read(_ descriptor: Int32, _ into: UnsafeMutableRawBufferPointer, _ offset: Int) -> Int {
    guard let file = open[descriptor]?.file else { return -Int(EBADF) }
    let end = min(offset + into.count, file.bytes.count)
    guard offset < end else { return 0 }
    file.bytes.withUnsafeBytes { into.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<end])) }
    return end - offset
  }

  private func sync(_ file: File) -> Int {
    if failingSyncs > 0 {
      failingSyncs -= 1
      file.lost.merge(file.old) { earlier, _ in earlier }
      file.old.removeAll()
      return -Int(EIO)
    }
    // What was written anew since is on the platter now.
    for page in file.old.keys { file.lost[page] = nil }
    markSynced(file)
    // What the kernel has given up stays lost, whatever later syncs say.
    if file.lost.isEmpty { onSync?(file) }
    return 0
  }

  private func markSynced(_ file: File) {
    file.old.removeAll(keepingCapacity: true)
    file.syncedCount = file.bytes.count
  }

  private func syncNames(_ descriptor: Int32) -> Int {
    guard let path = open[descriptor]?.path else { return -Int(EBADF) }
    changes.removeAll { $0.directory == path }
    return 0
  }

  private func resize(_ descriptor: Int32, to count: Int, growing: Bool) -> Int {
    guard let file = open[descriptor]?.file else { return -Int(EBADF) }
    if growing {
      guard count > file.bytes.count else { return 0 }
      guard usedBytes + count - file.bytes.count <= capacity else { return -Int(ENOSPC) }
    }
    resize(file, to: count)
    return 0
  }

  private func resize(_ file: File, to count: Int) {
    if count < file.bytes.count {
      remember(file, count..<file.bytes.count)
      file.lost = file.lost.filter { $0.key * Self.page < count }
      file.bytes.removeLast(file.bytes.count - count)
    } else {
      file.bytes.append(contentsOf: repeatElement(0, count: count - file.bytes.count))
    }
  }

  private func rename(_ from: String, _ to: String) -> Int {
    guard let file = files.removeValue(forKey: from) else { return -Int(ENOENT) }
    changes.append((Self.parent(to), .renamed(from: from, to: to, over: files[to])))
    files[to] = file
    onRename?(to, file)
    return 0
  }

  private func remove(_ path: String) -> Int {
    guard let file = files.removeValue(forKey: path) else { return -Int(ENOENT) }
    changes.append((Self.parent(path), .removed(path, file)))
    return 0
  }

  private func makeDirectory(_ path: String) -> Int {
    if directories.contains(path) { return -Int(EEXIST) }
    guard directories.contains(Self.parent(path)) else { return -Int(ENOENT) }
    directories.insert(path)
    return 0
  }

  private func names(_ path: String) -> Result<[String], FileError> {
    guard directories.contains(path) else { return .failure(FileError(call: "list", path: path, code: ENOENT)) }
    let prefix = path == "/" ? "/" : path + "/"
    let inside = (Array(files.keys) + directories).filter {
      $0.hasPrefix(prefix) && $0 != path && !$0.dropFirst(prefix.count).contains("/")
    }
    return .success(inside.map { String($0.dropFirst(prefix.count)) }.sorted())
  }
}
