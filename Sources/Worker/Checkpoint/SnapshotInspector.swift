import Wire

/// Prints a snapshot file as far as it can be read, damaged or not: for `assay inspect snapshot`. Needs no other file, no bundle and
/// no whole header.
///
/// One line for the header, one for each block, and what the facts say; a place that can't be read is named, with the reason, and
/// reading goes on where the next block begins. At the end the blocks are held against the manifest.
public struct SnapshotInspector {
  public struct Summary: Equatable, Sendable {
    public var blocks = 0
    public var dedupEntries = 0
    /// Bytes of entity records.
    public var entityBytes = 0
    /// Places that should hold something and can't be read, or are not what header or manifest say.
    public var damaged = 0
  }

  public init() {}

  @discardableResult
  public func inspect(_ file: UnsafeRawBufferPointer, _ print: (String) -> Void) -> Summary {
    var summary = Summary()
    let header = header(file, print, &summary)
    var found: [Int: SnapshotBlock] = [:]
    var manifest: (at: Int, contents: [UInt8])?
    var at = SnapshotHeader.size
    while at < file.count {
      guard let block = Self.block(file, at) else {
        let next = Self.nextBlock(file, after: at)
        print("\(at)  DAMAGED: no block begins here; \((next ?? file.count) - at) bytes are passed over")
        summary.damaged += 1
        guard let next else { break }
        at = next
        continue
      }
      summary.blocks += 1
      let line = "\(at)  \(block.kind)  \(block.contentsLength) bytes, \(block.storedLength) stored"
      do throws(SnapshotError) {
        let contents = try contents(block, file, at)
        found[at] = block
        print(line + describe(block.kind, contents, &summary))
        if block.kind == .facts { facts(contents, print, &summary) }
        if block.kind == .manifest { manifest = (at, contents) }
        at += SnapshotBlock.headerSize + block.storedLength
      } catch {
        print("\(line)  DAMAGED: \(error)")
        summary.damaged += 1
        // The length may be what is damaged least, but another block inside of it proves it wrong.
        let end = at + SnapshotBlock.headerSize + block.storedLength
        at = min(Self.nextBlock(file, after: at) ?? end, end)
      }
    }
    compare(found, manifest, header, print, &summary)
    print(
      "\(summary.blocks) blocks, \(summary.dedupEntries) dedup entries, \(summary.entityBytes) bytes of entities, "
        + "\(summary.damaged) damaged places")
    return summary
  }

  private func header(_ file: UnsafeRawBufferPointer, _ print: (String) -> Void, _ summary: inout Summary) -> SnapshotHeader? {
    do throws(SnapshotError) {
      let header = try SnapshotHeader(reading: RawSpan(_unsafeBytes: file))
      print(
        "snapshot of \(header.partition) at offset \(header.offset)  cluster \(header.cluster)  keys \(header.range.first) to \(header.range.last)"
      )
      print(
        "  epoch \(header.epoch)  bundle \(header.bundle)  logged time \(header.loggedTime)  state digest \(hexadecimal(header.stateDigest))  "
          + "\(header.entities) entities  \(header.dedupEntries) dedup entries  \(header.fileSize) bytes")
      if header.fileSize != file.count {
        print("  DAMAGED: the file has \(file.count) bytes")
        summary.damaged += 1
      }
      return header
    } catch {
      print("snapshot header: DAMAGED: \(error)")
      summary.damaged += 1
      return nil
    }
  }

  private static func block(_ file: UnsafeRawBufferPointer, _ at: Int) -> SnapshotBlock? {
    SnapshotBlock(readingHeader: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: file[at...])))
  }

  private static func nextBlock(_ file: UnsafeRawBufferPointer, after at: Int) -> Int? {
    guard at + 1 + SnapshotBlock.headerSize <= file.count else { return nil }
    return (at + 1...file.count - SnapshotBlock.headerSize).first { place in
      file.loadUnaligned(fromByteOffset: place, as: UInt32.self) == SnapshotBlock.magic.littleEndian && block(file, place) != nil
    }
  }

  private func contents(_ block: SnapshotBlock, _ file: UnsafeRawBufferPointer, _ at: Int) throws(SnapshotError) -> [UInt8] {
    let first = at + SnapshotBlock.headerSize
    let stored = UnsafeRawBufferPointer(rebasing: file[first..<min(file.count, first + block.storedLength)])
    return try block.contents(RawSpan(_unsafeBytes: stored), at: at)
  }

  private func describe(_ kind: SnapshotBlock.Kind, _ contents: [UInt8], _ summary: inout Summary) -> String {
    switch kind {
    case .dedup:
      let count = contents.count / DedupTable.Entry.encodedSize
      summary.dedupEntries += count
      return "  \(count) entries"
    case .entities:
      summary.entityBytes += contents.count
      return ""
    case .listVersions:
      guard let part = try? ListVersionsPart(reading: contents.span.bytes) else { return "" }
      return "  \(part.runs.count) changes of the list version among the dedup entries"
    case .lists:
      guard let part = try? HotItems(reading: contents.span.bytes) else { return "" }
      return "  \(part.items.count) hot items, at list version \(part.version)"
    default: return ""
    }
  }

  private func facts(_ contents: [UInt8], _ print: (String) -> Void, _ summary: inout Summary) {
    do throws(WireError) {
      let facts = try SnapshotFacts(reading: contents.span.bytes)
      print("  sinks have everything below \(facts.sinkCursor)  retries are known from \(facts.horizonStart) on")
      for bundle in facts.bundles { print("  bundle \(bundle)") }
      for bundle in facts.prepared { print("  bundle \(bundle), which others may decide by already") }
      for epoch in facts.epochs { print("  epoch \(epoch.epoch) ends at \(epoch.end)") }
    } catch {
      print("  DAMAGED: the facts can't be read: \(error)")
      summary.damaged += 1
    }
  }

  private func compare(
    _ found: [Int: SnapshotBlock], _ manifest: (at: Int, contents: [UInt8])?, _ header: SnapshotHeader?, _ print: (String) -> Void,
    _ summary: inout Summary
  ) {
    func damaged(_ what: String) {
      print("DAMAGED: \(what)")
      summary.damaged += 1
    }
    guard let manifest else { return damaged("there is no manifest: the file was never finished, or its end is lost") }
    if let header, header.manifestAt != manifest.at { damaged("the manifest is not where the header says, at \(header.manifestAt)") }
    if let header, manifest.contents.withUnsafeBytes({ SnapshotHash(of: $0) }) != header.manifestHash {
      damaged("the manifest's hash is not the header's")
    }
    do throws(WireError) {
      for item in try SnapshotManifest(reading: manifest.contents.span.bytes).items where found[item.at] != item.block {
        // One that can't be read has been named.
        if found[item.at] != nil { damaged("the block at \(item.at) is another than the manifest names") }
      }
    } catch {
      damaged("the manifest can't be read: \(error)")
    }
  }
}
