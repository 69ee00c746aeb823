import Foundation
import Wire
import Worker

/// What the replicas' snapshots tell of their states (R14): each keeps two, so they are looked at all the time. Two that were
/// taken at one place in the log must be equal.
struct Digests {
  private struct State {
    var digest: UInt64
    var worker: String
    var others: Set<String> = []
  }

  private var states: [LogPlace: State] = [:]
  private(set) var violations: [String] = []

  /// Places that two replicas or more have written down.
  var compared: Int { states.values.count { !$0.others.isEmpty } }

  /// Reads the headers of all snapshots that are on a worker's disk now.
  mutating func gather(from workers: [Server]) {
    for worker in workers {
      for storage in Self.entries(worker.dataPath) where storage.hasPrefix("storage-") {
        let directory = "\(worker.dataPath)/\(storage)/snapshots"
        for name in Self.entries(directory) where name.hasSuffix(".snap") {
          // One that has just been removed is missed.
          guard let header = Self.header("\(directory)/\(name)") else { continue }
          take(header, from: worker.name)
        }
      }
    }
  }

  private mutating func take(_ header: SnapshotHeader, from worker: String) {
    let place = LogPlace(partition: header.partition, offset: header.offset)
    guard let known = states[place] else { return states[place] = State(digest: header.stateDigest, worker: worker) }
    guard known.worker != worker, states[place]!.others.insert(worker).inserted, known.digest != header.stateDigest else { return }
    violations.append(
      "\(place): the state is \(String(known.digest, radix: 16)) on \(known.worker) and \(String(header.stateDigest, radix: 16)) on \(worker)"
    )
  }

  private static func entries(_ path: String) -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }

  private static func header(_ path: String) -> SnapshotHeader? {
    guard let file = FileHandle(forReadingAtPath: path), let bytes = try? file.read(upToCount: SnapshotHeader.size) else { return nil }
    return try? SnapshotHeader(reading: Array(bytes).span.bytes)
  }
}
