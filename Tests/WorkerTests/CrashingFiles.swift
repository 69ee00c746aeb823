import Glibc

@testable import Worker

/// A file system on which the process is killed after a number of changing calls: that call and all later ones change
/// nothing any more. The call itself may come through in part: half of a write.
final class CrashingFiles: Sendable {
  private struct State {
    var left: Int
    var crashed = false
  }
  private let state: Monitor<State>

  init(after calls: Int) { state = Monitor(State(left: calls)) }

  var hasCrashed: Bool { state.withLock { $0.crashed } }

  /// `true` while the process lives; `false` once, at the call that kills it; `nil` afterwards.
  private func step() -> Bool? {
    state.withLock { state in
      if state.crashed { return nil }
      if state.left == 0 {
        state.crashed = true
        return false
      }
      state.left -= 1
      return true
    }
  }

  var system: FileSystem {
    let posix = FileSystem.posix
    var system = posix
    // Half a page of a write is nothing that a killed process leaves.
    system.boot = { "" }
    system.open = { path, flags in
      guard flags & (O_CREAT | O_TRUNC) != 0 else { return posix.open(path, flags) }
      return self.step() == true ? posix.open(path, flags) : -Int(EIO)
    }
    system.write = { file, bytes, at in
      switch self.step() {
      case true: return posix.write(file, bytes, at)
      case false:
        _ = posix.write(file, UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)]), at)
        return -Int(EIO)
      default: return -Int(EIO)
      }
    }
    system.sync = { self.step() == true ? posix.sync($0) : -Int(EIO) }
    system.syncNames = { self.step() == true ? posix.syncNames($0) : -Int(EIO) }
    system.allocate = { self.step() == true ? posix.allocate($0, $1) : -Int(EIO) }
    system.truncate = { self.step() == true ? posix.truncate($0, $1) : -Int(EIO) }
    system.rename = { self.step() == true ? posix.rename($0, $1) : -Int(EIO) }
    system.remove = { self.step() == true ? posix.remove($0) : -Int(EIO) }
    return system
  }
}
