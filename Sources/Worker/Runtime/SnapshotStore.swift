import Glibc
import Models
import Wire

/// The snapshot files of one storage: `snapshots/p0000000007-00000000000000120034.snap`, two a partition, newest last; a
/// file that is being written, or received, ends in `.part`. Blocks on the disk: not for an event loop.
final class SnapshotStore: Sendable {
  struct Name: Hashable, Comparable, Sendable {
    var partition: PartitionID
    var offset: Offset

    static func < (a: Self, b: Self) -> Bool { (a.partition, a.offset) < (b.partition, b.offset) }

    var text: String { "p\(Self.padded(UInt64(partition.rawValue), 10))-\(Self.padded(offset.rawValue, 20)).snap" }

    init(partition: PartitionID, offset: Offset) {
      self.partition = partition
      self.offset = offset
    }

    init?(_ text: String) {
      guard text.hasPrefix("p"), text.hasSuffix(".snap") else { return nil }
      let parts = text.dropFirst().dropLast(5).split(separator: "-")
      guard parts.count == 2, let partition = UInt32(parts[0]), let offset = UInt64(parts[1]) else { return nil }
      self.init(partition: PartitionID(partition), offset: Offset(offset))
      guard self.text == text else { return nil }
    }

    private static func padded(_ value: UInt64, _ width: Int) -> String {
      let digits = String(value)
      return String(repeating: "0", count: width - digits.count) + digits
    }
  }

  static let kept = 2
  let directory: String
  let system: FileSystem

  /// Creates the directory where missing; leftovers of files that were never finished are removed.
  init(directory: String, system: FileSystem) throws(FileError) {
    self.directory = directory
    self.system = system
    try system.createDirectory(directory)
    for entry in try system.directoryEntries(directory) where entry.hasSuffix(".part") { try system.removeFile("\(directory)/\(entry)") }
  }

  /// Every whole file, by partition and offset.
  func list() throws(FileError) -> [Name] { try system.directoryEntries(directory).compactMap(Name.init).sorted() }

  func path(_ name: Name) -> String { "\(directory)/\(name.text)" }

  /// A new file under its temporary name.
  func create(_ name: Name) throws(FileError) -> File { try system.openFile(path(name) + ".part", O_RDWR | O_CREAT | O_TRUNC) }

  /// Gives a whole, synced file its name, durably; of older ones of the partition one is kept.
  func publish(_ name: Name) throws(FileError) {
    try system.renameFile(path(name) + ".part", to: path(name))
    try system.syncDirectory(directory)
    let older = try list().filter { $0.partition == name.partition && $0 < name }
    for name in older.dropLast(Self.kept - 1) { try system.removeFile(path(name)) }
  }

  /// A new file for a snapshot that is being received.
  func createInbound(_ name: Name) throws(FileError) -> File { try system.openFile(inboundPath(name), O_RDWR | O_CREAT | O_TRUNC) }

  func inboundPath(_ name: Name) -> String { path(name) + ".in.part" }

  func discardInbound(_ name: Name) { _ = system.remove(inboundPath(name)) }

  /// A snapshot that was received whole takes the place of all that is here of its partition: what was there before has no log
  /// behind it any more.
  func install(_ name: Name) throws(FileError) {
    try system.renameFile(inboundPath(name), to: path(name))
    try system.syncDirectory(directory)
    let others = try list().filter { $0.partition == name.partition && $0 != name }
    for other in others { try system.removeFile(path(other)) }
    if !others.isEmpty { try system.syncDirectory(directory) }
  }

  func discard(_ name: Name) { _ = system.remove(path(name) + ".part") }

  /// Everything of a partition.
  func removeAll(of partition: PartitionID) throws(FileError) {
    let names = try list().filter { $0.partition == partition }
    for name in names { try system.removeFile(path(name)) }
    if !names.isEmpty { try system.syncDirectory(directory) }
  }

  /// Reads and restores one file. Temporary files too, by their path.
  func restore(path: String, dedupHorizon: Int64, proven: Bool, bundle: (BundleID) -> Bundle?) throws -> RestoredSnapshot {
    let file = try system.openFile(path, O_RDONLY)
    defer { file.close() }
    let load: SnapshotReader.Load = { offset, count in try file.read(count, at: offset) }
    let reader = try SnapshotReader(size: try file.size(), load: load)
    return try reader.restore(dedupHorizon: dedupHorizon, proven: proven, load: load, bundle: bundle)
  }

  /// The newest one of a partition that can be read, with the offsets of all that are kept; nil where there is none.
  /// `report` hears of those that can't be read.
  func newest(
    of partition: PartitionID, dedupHorizon: Int64, bundle: (BundleID) -> Bundle?, report: (Name, any Error) -> Void
  ) throws -> (snapshot: RestoredSnapshot, offsets: [Offset])? {
    var names = try list().filter { $0.partition == partition }
    while let name = names.last {
      do {
        let snapshot = try restore(path: path(name), dedupHorizon: dedupHorizon, proven: false, bundle: bundle)
        return (snapshot, names.map(\.offset))
      } catch {
        report(name, error)
        names.removeLast()
      }
    }
    return nil
  }
}
