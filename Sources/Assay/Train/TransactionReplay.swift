import Glibc
import Models
import Wire

/// Reads a file of transactions from its beginning to its end.
struct TransactionReplay {
  private static let pieceSize = 1 << 18

  var path: String
  var format: TransactionTextReader.Format?
  var mapping: FieldMapping
  var extraFields: [ExtraFieldSpec]

  struct Outcome {
    var badLines = 0
    var firstBadLine: TransactionTextReader.BadLine?
  }

  /// Calls `record` with each transaction and the share of the file that lies before its piece.
  func run(
    _ stop: StopFlag, record: (borrowing TransactionBuilder, _ share: Double) -> Void,
    progress: (_ share: Double) -> Void
  ) throws -> Outcome {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw OneLine("can't read \(path): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw OneLine("\(path) is no regular file")
    }
    let size = max(Double(status.st_size), 1)
    var reader = TransactionTextReader(
      format ?? (path.hasSuffix(".csv") ? .csv : .ndjson), mapping: mapping, extraFields: extraFields)
    var outcome = Outcome()
    func bad(_ line: TransactionTextReader.BadLine) {
      outcome.badLines += 1
      if outcome.firstBadLine == nil { outcome.firstBadLine = line }
    }
    var buffer = [UInt8](repeating: 0, count: Self.pieceSize)
    var at = 0.0
    do {
      while true {
        let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress!, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw OneLine("can't read \(path): \(String(cString: strerror(errno)))") }
        guard count > 0 else { break }
        try stop.check()
        let share = min(at / size, 1)
        try reader.feed(buffer.span.bytes.extracting(0..<count)) { builder, _ in
          record(builder, share)
        } onBadLine: {
          bad($0)
        }
        at += Double(count)
        progress(min(at / size, 1))
      }
      try reader.finish { builder, _ in
        record(builder, 1)
      } onBadLine: {
        bad($0)
      }
    } catch let rejection as Rejection {
      throw OneLine("\(path): the header can't be used: \(rejection)")
    }
    return outcome
  }
}
