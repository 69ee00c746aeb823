import Dispatch
import Glibc
import Models
import Wire

/// One thread's part of a replay: it hears of all transactions of its cards, in the file's order, and of no others.
protocol ReplayShard: AnyObject {
  /// `number` counts the file's transactions from 0.
  func take(_ record: UnsafeRawBufferPointer, number: Int)
  /// After each round; what the shards have made of it is put together then.
  func endRound()
}

/// Runs a file through shards on all cores: pieces of the file are read at once, each transaction goes to the shard of its card, and
/// the shards run side by side. Rounds follow one another, so that each card's events keep their order and nothing waits in a queue.
final class ParallelReplay: @unchecked Sendable {
  private static let pieceSize = 1 << 20

  struct Outcome {
    var transactions = 0
    var badLines = 0
    var firstBadLine: TransactionTextReader.BadLine?
    var seconds = 0.0
  }

  /// Transactions of one piece for one shard.
  private struct Batch {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    /// Within the piece.
    var numbers: [Int] = []

    mutating func removeAll() {
      bytes.removeAll(keepingCapacity: true)
      ends.removeAll(keepingCapacity: true)
      numbers.removeAll(keepingCapacity: true)
    }
  }

  /// Touched by one thread at a time: by the one that reads it, then by each shard its own batch.
  private final class Piece: @unchecked Sendable {
    var text: [UInt8] = []
    var batches: [Batch]
    var transactions = 0
    var lines = 0
    var badLines: [TransactionTextReader.BadLine] = []
    var failure: Rejection?

    init(shards: Int) { batches = [Batch](repeating: Batch(), count: shards) }
  }

  private let path: String
  private let format: TransactionTextReader.Format
  private let mapping: FieldMapping
  private let extraFields: [ExtraFieldSpec]
  let threads: Int
  /// Of a CSV file, whose header and quotes go across pieces: those are read by one thread.
  private var csv: TransactionTextReader?

  init(path: String, format: TransactionTextReader.Format, mapping: FieldMapping, extraFields: [ExtraFieldSpec], threads: Int) {
    self.path = path
    self.format = format
    self.mapping = mapping
    self.extraFields = extraFields
    self.threads = threads
    if format == .csv { csv = TransactionTextReader(.csv, mapping: mapping, extraFields: extraFields) }
  }

  /// `shards`: one a thread. `endOfRound` is called between rounds.
  func run<Shard: ReplayShard>(_ shards: [Shard], _ stop: StopFlag, endOfRound: () throws -> Void = {}) throws -> Outcome {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw OneLine("can't read \(path): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw OneLine("\(path) is no regular file") }
    let pieces = (0..<(csv == nil ? threads * 2 : 2)).map { _ in Piece(shards: shards.count) }
    // Each is touched by one thread at a time: rounds end before the next begins.
    nonisolated(unsafe) let running = shards
    let shardCount = shards.count
    var outcome = Outcome()
    var progress = ProgressLine()
    defer { progress.clear() }
    let start = ContinuousClock.now
    var rest: [UInt8] = []
    var lines = 0
    var read = 0
    var isAtEnd = false
    while !isAtEnd {
      try stop.check()
      isAtEnd = try fill(pieces, &rest, from: descriptor)
      read += pieces.reduce(0) { $0 + $1.text.count }
      if csv == nil {
        DispatchQueue.concurrentPerform(iterations: pieces.count) { self.parse(pieces[$0], shards: shardCount) }
      } else {
        for piece in pieces { parseCSV(piece, shards: shardCount, isLast: isAtEnd && piece === pieces.last) }
      }
      var firsts: [Int] = []
      for piece in pieces {
        if let failure = piece.failure { throw OneLine("\(path): the header can't be used: \(failure)") }
        firsts.append(outcome.transactions)
        outcome.transactions += piece.transactions
        outcome.badLines += piece.badLines.count
        if outcome.firstBadLine == nil, var bad = piece.badLines.first {
          if csv == nil { bad.number += lines }
          outcome.firstBadLine = bad
        }
        lines += piece.lines
      }
      let starts = firsts
      DispatchQueue.concurrentPerform(iterations: shardCount) { index in
        for (piece, first) in zip(pieces, starts) { Self.feed(running[index], piece.batches[index], first) }
        running[index].endRound()
      }
      try endOfRound()
      progress.show { seconds in
        "\(Int(Double(read) / Double(max(status.st_size, 1)) * 100)) %  \(NumberText.grouped(outcome.transactions)) transactions  "
          + "\(NumberText.grouped(Int(Double(outcome.transactions) / seconds)))/s"
      }
    }
    outcome.seconds = (ContinuousClock.now - start).inSeconds
    return outcome
  }

  /// Cuts the next bytes at line ends; `rest` is what stands behind the last. True at the end of the file.
  private func fill(_ pieces: [Piece], _ rest: inout [UInt8], from descriptor: CInt) throws -> Bool {
    for (index, piece) in pieces.enumerated() {
      piece.text.removeAll(keepingCapacity: true)
      swap(&piece.text, &rest)
      var line: Int?
      repeat {
        let before = piece.text.count
        piece.text.append(contentsOf: repeatElement(0, count: Self.pieceSize))
        let count = piece.text.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + before, Self.pieceSize) }
        if count < 0, errno != EINTR { throw OneLine("can't read \(path): \(String(cString: strerror(errno)))") }
        piece.text.removeLast(Self.pieceSize - max(count, 0))
        if count == 0 {
          for later in pieces[(index + 1)...] { later.text.removeAll(keepingCapacity: true) }
          return true
        }
        line = piece.text[before...].lastIndex(of: UInt8(ascii: "\n"))
      } while line == nil && piece.text.count < TransactionJSON.lengthMax * 64
      guard let line else { continue }
      rest = Array(piece.text[(line + 1)...])
      piece.text.removeLast(piece.text.count - line - 1)
    }
    return false
  }

  private func parse(_ piece: Piece, shards: Int) {
    begin(piece)
    var reader = TransactionTextReader(format, mapping: mapping, extraFields: extraFields)
    read(piece, &reader, shards: shards, isLast: true)
    piece.lines = piece.text.reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
  }

  private func parseCSV(_ piece: Piece, shards: Int, isLast: Bool) {
    begin(piece)
    read(piece, &csv!, shards: shards, isLast: isLast)
  }

  private func begin(_ piece: Piece) {
    for shard in piece.batches.indices { piece.batches[shard].removeAll() }
    piece.transactions = 0
    piece.badLines.removeAll(keepingCapacity: true)
    piece.failure = nil
  }

  private func read(_ piece: Piece, _ reader: inout TransactionTextReader, shards: Int, isLast: Bool) {
    func take(_ builder: borrowing TransactionBuilder) {
      let key = KeyHash(of: builder.card.span.bytes, kind: .card)
      let shard = Int((UInt128(key.rawValue) * UInt128(shards)) >> 64)
      builder.append(to: &piece.batches[shard].bytes)
      piece.batches[shard].ends.append(piece.batches[shard].bytes.count)
      piece.batches[shard].numbers.append(piece.transactions)
      piece.transactions += 1
    }
    do throws(Rejection) {
      try reader.feed(piece.text.span.bytes, onRecord: { builder, _ in take(builder) }, onBadLine: { piece.badLines.append($0) })
      if isLast { try reader.finish(onRecord: { builder, _ in take(builder) }, onBadLine: { piece.badLines.append($0) }) }
    } catch {
      piece.failure = error
    }
  }

  private static func feed(_ shard: some ReplayShard, _ batch: Batch, _ first: Int) {
    batch.bytes.withUnsafeBytes { bytes in
      var start = 0
      for (end, number) in zip(batch.ends, batch.numbers) {
        shard.take(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), number: first + number)
        start = end
      }
    }
  }
}
