import Glibc
import Wire

extension DataDirectory {
  /// That a data directory can be had at `path`, before a worker waits for its cluster. Makes it where it is missing.
  static func checkUsable(_ path: String) throws(DataDirectoryError) {
    do throws(FileError) { try FileSystem.posix.createDirectory(path) } catch { throw .file(error) }
    guard access(path, R_OK | W_OK | X_OK) == 0 else { throw .file(FileError(call: "access", path: path, code: errno)) }
    var facts = stat()
    guard stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
      throw .file(FileError(call: "open directory", path: path, code: ENOTDIR))
    }
    // The coordinator's store is a file of this name (`SQLiteStore`).
    guard access("\(path)/metadata.sqlite", F_OK) != 0 else { throw .coordinators(path: path) }
  }
}
