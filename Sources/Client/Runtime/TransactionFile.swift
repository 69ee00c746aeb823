import Glibc
import Models
import Wire

/// Reads a file of transactions chunk by chunk, from any place where a line begins. Used from one thread.
final class TransactionFile: @unchecked Sendable {
  static let chunkBytes = 128 * 1024

  let path: String
  let format: TransactionTextReader.Format
  private let descriptor: CInt
  private var splitter: LineSplitter
  private let labels: SubmitJobOptions.LabelSource?
  /// Where a label in a row stands among the extra fields.
  private let labelField: Int
  private var json: TransactionJSON
  private var csv: TransactionCSV
  private var builder = TransactionBuilder()
  private var buffer: [UInt8]
  /// Where in the file the next read begins, and where the line that is being read does.
  private var position: Int64 = 0
  /// Added to the splitter's line numbers, which begin where reading began.
  private var lineBase = 0
  /// A line that is too long is told before its end is known.
  private var tooLong: (line: SubmitChunk.Unreadable, number: Int)?
  private var isAtEnd = false

  /// `format` nil goes by the extension (`.csv`), then by the first byte: `{` is NDJSON.
  init(
    path: String, format: TransactionTextReader.Format?, mapping: FieldMapping, extraFields: [ExtraFieldSpec],
    labels: SubmitJobOptions.LabelSource? = nil
  ) throws(ClientError) {
    self.path = path
    self.labels = labels
    labelField = extraFields.count
    var extraFields = extraFields
    if case .inRows = labels { extraFields += LabelFields.specs }
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .file(path: path, "can't be read: \(systemText(errno))") }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .file(path: path, "is no regular file; a submission needs one, to be able to go on after an interruption")
    }
    // Two submissions of one file would share its progress.
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw .file(path: path, "is being submitted by another process")
    }
    let chosen = format ?? Self.guess(path, descriptor)
    self.format = chosen
    json = TransactionJSON(mapping: mapping, extraFields: extraFields)
    csv = TransactionCSV(mapping: mapping, extraFields: extraFields)
    splitter = chosen == .csv ? LineSplitter(framing: .csv(delimiter: nil)) : LineSplitter()
    buffer = [UInt8](repeating: 0, count: Self.chunkBytes)
  }

  deinit { close(descriptor) }

  /// Size, time and the hash of the beginning.
  func identity() throws(ClientError) -> (size: Int64, modified: Int64, head: String) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .file(path: path, systemText(errno)) }
    let size = Int64(status.st_size)
    var head = [UInt8](repeating: 0, count: Int(min(size, 1 << 20)))
    var filled = 0
    while filled < head.count {
      let count = head.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress! + filled, $0.count - filled, off_t(filled)) }
      guard count > 0 else { throw .file(path: path, "can't be read: \(count == 0 ? "it is being cut" : systemText(errno))") }
      filled += count
    }
    let modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    return (size, modified, hexadecimalText(sha256(head)))
  }

  /// Goes to where `line` begins. A CSV file's header is read first.
  func seek(to offset: Int64, line: Int) throws(ClientError) {
    guard offset > 0 else { return }
    if format == .csv {
      // The header says what the cells are; its own end is before any row's.
      while !csv.hasHeader, !isAtEnd { _ = try read(until: { csv.hasHeader }) }
    }
    position = offset
    lineBase = line - 1
    isAtEnd = false
    splitter = LineSplitter(framing: splitter.framing)
    tooLong = nil
  }

  /// The next rows: about `chunkBytes` of text. The last chunk says so.
  func next() throws(ClientError) -> SubmitChunk {
    var chunk = SubmitChunk()
    while chunk.items.isEmpty, !isAtEnd { chunk = try read(until: { false }) }
    chunk.unknown = format == .csv ? csv.takeUnknown() : json.unknown.take()
    chunk.isLast = isAtEnd
    chunk.seal()
    return chunk
  }

  private func read(until isEnough: () -> Bool) throws(ClientError) -> SubmitChunk {
    let chunk = SubmitChunk()
    let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress!, $0.count, off_t(position)) }
    guard count >= 0 else { throw .file(path: path, "can't be read: \(systemText(errno))") }
    let bytes = buffer
    let span = bytes.span.bytes
    var at = 0
    do throws(Rejection) {
      // Line by line, so that each row's end in the file is known.
      while at < count, !isEnough() {
        let next = Self.lineEnd(bytes, at, count) ?? count
        let end = position + Int64(next)
        let isWhole = next > at && bytes[next - 1] == UInt8(ascii: "\n")
        try splitter.feed(span.extracting(at..<next)) { (line, about) throws(Rejection) in try take(line, about, end, chunk) }
        if isWhole { tellTooLong(end, chunk) }
        if csv.hasHeader, splitter.framing == .csv(delimiter: nil) { splitter.framing = .csv(delimiter: csv.delimiter) }
        at = next
      }
      position += Int64(at)
      if count == 0 {
        isAtEnd = true
        let end = position
        try splitter.finish { (line, about) throws(Rejection) in try take(line, about, end, chunk) }
        tellTooLong(end, chunk)
      }
    } catch {
      throw .usage("\(path): the CSV header can't be used: \(error)")
    }
    return chunk
  }

  private func take(_ line: RawSpan, _ about: LineSplitter.Line, _ end: Int64, _ chunk: SubmitChunk) throws(Rejection) {
    let number = about.number + lineBase
    if format == .csv, !csv.hasHeader {
      guard !about.isTooLong else { throw Rejection(.tooLarge, "it is longer than \(TransactionJSON.lengthMax) bytes") }
      try csv.readHeader(line)
      return
    }
    guard !about.isTooLong else {
      let rejection = Rejection(.tooLarge, "the line is longer than \(TransactionJSON.lengthMax) bytes")
      tooLong = (SubmitChunk.Unreadable(rejection: rejection, excerpt: Self.excerpt(line)), number)
      return
    }
    var label: Label?
    do throws(Rejection) {
      if format == .csv { try csv.parse(line, into: &builder) } else { try json.parse(line, into: &builder) }
      if case .inRows = labels { label = try LabelFields.take(from: &builder, first: labelField) }
    } catch {
      if case .byTransaction = labels { return }
      return chunk.add(SubmitChunk.Unreadable(rejection: error, excerpt: Self.excerpt(line)), number: number, end: end)
    }
    if case .byTransaction(let table) = labels {
      guard let known = table[builder.id] else { return }
      label = known
    }
    chunk.add(builder, label: label, line: number, end: end)
  }

  private func tellTooLong(_ end: Int64, _ chunk: SubmitChunk) {
    guard let tooLong else { return }
    if case .byTransaction = labels { return self.tooLong = nil }
    chunk.add(tooLong.line, number: tooLong.number, end: end)
    self.tooLong = nil
  }

  /// The beginning of a line that can't be read; what may be a card number becomes asterisks before it leaves the process.
  private static func excerpt(_ line: RawSpan) -> [UInt8] {
    var bytes = line.extracting(first: LineSplitter.excerptMax).withUnsafeBytes { Array($0) }
    CardNumberCheck.mask(&bytes)
    return bytes
  }

  /// Behind the next line feed, nil if there is none.
  private static func lineEnd(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Int? {
    bytes.withUnsafeBytes { bytes in
      let start = UnsafeMutableRawPointer(mutating: bytes.baseAddress!)
      return memchr(start + at, CInt(UInt8(ascii: "\n")), count - at).map { $0 - start + 1 }
    }
  }

  private static func guess(_ path: String, _ descriptor: CInt) -> TransactionTextReader.Format {
    if path.hasSuffix(".csv") { return .csv }
    if path.hasSuffix(".ndjson") || path.hasSuffix(".jsonl") || path.hasSuffix(".json") { return .ndjson }
    var head = [UInt8](repeating: 0, count: 64)
    let count = pread(descriptor, &head, head.count, 0)
    let blanks = [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"), 0xEF, 0xBB, 0xBF]
    return head.prefix(max(count, 0)).first { !blanks.contains($0) } == UInt8(ascii: "{") ? .ndjson : .csv
  }
}

func systemText(_ code: CInt) -> String { String(cString: strerror(code)) }

func hexadecimalText(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
