import Wire

/// Under which boot of the machine a journal was last opened: the file `journal-boot`, a boot's name alone.
///
/// A process that is killed loses nothing that it has written: the kernel has it. So where the machine has not been started anew since
/// the journal was opened, its end is what the process wrote up to some place, in the order in which it wrote, and nothing behind that. A
/// block that fails, and behind which something stands, was whole: it is damaged, and not torn (R15). Where the machine has been started
/// anew, or that can't be told, a last block that fails may as well be a write that the power's loss has torn.
enum JournalBoot {
  static let name = "journal-boot"

  /// Whether all that was written since the journal was opened is still there as it was written.
  static func isSame(in directory: String, _ system: FileSystem) throws(FileError) -> Bool {
    let now = system.boot()
    guard !now.isEmpty, let noted = try system.contents("\(directory)/\(name)", limit: 4096) else { return false }
    return noted == Array(now.utf8)
  }

  /// The end has been judged, and made safe to append to. Before anything is appended.
  static func note(in directory: String, _ system: FileSystem) throws(FileError) {
    let now = Array(system.boot().utf8)
    if try system.contents("\(directory)/\(name)", limit: 4096) ?? [] == now { return }
    try system.replaceFile(name, in: directory, with: now)
  }

  /// Whether the block at `offset` of a segment, which fails for `reason`, had been written to its end.
  ///
  /// The kernel takes whole pages: a block has been when its last one has.
  static func wasWhole(_ segment: UnsafeRawBufferPointer, at offset: Int, storage: StorageID) -> Bool {
    let rest = UnsafeRawBufferPointer(rebasing: segment[min(offset, segment.count)...])
    var last = JournalBlock.headerSize
    if let block = try? JournalBlock(readingHeader: rest, storage: storage) {
      // Its first page is there; the last one tells, where it is another.
      last = max(last, (block.length - 1) & ~(JournalBlock.alignment - 1))
    }
    return last < rest.count && rest[last...].contains { $0 != 0 }
  }
}
