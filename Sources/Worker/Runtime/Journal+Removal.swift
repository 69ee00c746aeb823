import Synchronization
import Wire

extension Journal {
  /// Removes whole segments below `segment`, which nobody needs any more (C3). Says so on disk first, so that a first
  /// segment above 1 is never taken for a loss, nor a loss for that. Blocks; one caller at a time.
  func removeSegments(below segment: UInt32) throws(JournalError) {
    let first = firstSegment.load(ordering: .acquiring)
    let segment = min(segment, lastSegment)
    guard segment > first else { return }
    let header = try readHeader(of: segment)
    do throws(FileError) {
      try system.replaceFile(JournalStart.name, in: directory, with: JournalStart(segment: segment, first: header.first).bytes)
      firstSegment.store(segment, ordering: .releasing)
      for number in first..<segment { try system.removeFile(JournalSegments.path(directory, number)) }
      try system.syncDirectory(directory)
    } catch { throw .file(error) }
  }

  private func readHeader(of segment: UInt32) throws(JournalError) -> JournalSegmentHeader {
    let path = JournalSegments.path(directory, segment)
    let page: [UInt8]
    do throws(FileError) {
      let file = try system.openFile(path, 0)
      defer { file.close() }
      page = try file.read(JournalSegmentHeader.size, at: 0)
    } catch { throw .file(error) }
    do {
      return try page.withUnsafeBytes { try JournalSegmentHeader(reading: $0) }
    } catch {
      throw .directoryForeign(path: path, what: "\(error)")
    }
  }
}
