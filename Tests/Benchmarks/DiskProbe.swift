import ArgumentParser
import Client
import Glibc

/// What the disk by itself takes to make one small write durable: the floor under every latency with fsync.
enum DiskProbe {
  private static let fileBytes = 8 << 20
  private static let block = 4096

  /// Milliseconds of fdatasync after 4 KiB written into a file of zeros, one after the other.
  static func measure(directory: String, count: Int = 400) throws -> (p50: Double, p99: Double, max: Double) {
    let path = "\(directory)/assay-bench-\(getpid())-probe"
    let file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
    guard file >= 0 else { throw ValidationError("can't create \(path): \(String(cString: strerror(errno)))") }
    defer {
      close(file)
      unlink(path)
    }
    let zeros = [UInt8](repeating: 0, count: block)
    for at in stride(from: 0, to: fileBytes, by: block) { pwrite(file, zeros, block, off_t(at)) }
    fsync(file)
    var times: [Double] = []
    for number in 0..<count {
      let start = ClientClock.nanoseconds()
      pwrite(file, zeros, block, off_t(number * block % fileBytes))
      guard fdatasync(file) == 0 else { throw ValidationError("fdatasync \(path): \(String(cString: strerror(errno)))") }
      times.append(Double(ClientClock.nanoseconds() - start) / 1e6)
    }
    times.sort()
    return (times[count / 2], times[count * 99 / 100], times[count - 1])
  }
}
