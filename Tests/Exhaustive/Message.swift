import Wire

@testable import Worker

/// What a link between two replicas carries.
enum Message {
  case append(Append, [Entry])
  case appended(Appended)

  var epoch: Epoch {
    switch self {
    case .append(let append, _): append.epoch
    case .appended(let appended): appended.epoch
    }
  }

  /// All that a receiver looks at. Of an append that leaves out the record's version, which is sent as 0.
  var key: [UInt8] {
    var out = WireWriter()
    switch self {
    case .append(let append, let entries):
      out.write(UInt8(0))
      append.write(length: entries.count, to: &out)
      for entry in entries { entry.write(to: &out) }
    case .appended(let appended):
      out.write(UInt8(1))
      appended.write(to: &out)
    }
    return out.bytes
  }

  var text: String {
    switch self {
    case .append(let append, let entries):
      let what = entries.isEmpty ? "nothing" : entries.text
      return "append in \(append.epoch) from \(append.base) (after \(append.previousEpoch)), \(what), commit \(append.commitOffset)"
    case .appended(let appended):
      switch appended.result {
      case .accepted(let matched): return "accepted to \(matched) in \(appended.epoch)"
      case .fenced(let highest): return "fenced: \(highest)"
      case .diverged(let spans): return "diverged: \(spans.map { "\($0.epoch) to \($0.end)" }.joined(separator: ", ")) in \(appended.epoch)"
      }
    }
  }
}

extension Entry {
  func write(to out: inout WireWriter) {
    out.write(epoch)
    out.write(value)
    out.write(mark)
  }
}
