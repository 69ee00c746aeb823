import CSQLite
import Glibc
import Wire

/// The embedded metadata store: one SQLite file in the coordinator's directory, one coordinator at a time.
///
/// A commit is durable when it returns (write-ahead log, `synchronous=FULL`). Not thread-safe: one thread owns it.
final class SQLiteStore: MetadataStore {
  /// In SQLite's `application_id` and `user_version`.
  private static let application: Int64 = 0x4153_4159
  private static let format: Int64 = 1

  private let path: String
  private let lock: Int32
  private var database: OpaquePointer?

  /// Opens or creates `directory/metadata.sqlite`.
  init(directory: String) throws(MetadataStoreError) {
    path = "\(directory)/metadata.sqlite"
    lock = try Self.takeLock(directory)
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX
    guard sqlite3_open_v2(path, &database, flags, nil) == SQLITE_OK else { throw failure("open") }
    try execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
    let application = try number("PRAGMA application_id")
    let format = try number("PRAGMA user_version")
    if application == 0, try number("SELECT count(*) FROM sqlite_master") == 0 {
      try execute(
        """
        BEGIN; PRAGMA application_id=\(Self.application); PRAGMA user_version=\(Self.format);
        CREATE TABLE kv(key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE counter(revision INTEGER NOT NULL); INSERT INTO counter VALUES(0); COMMIT
        """)
    } else if application != Self.application {
      throw MetadataStoreError(.format, "\(path) is not a coordinator's store; name another data directory")
    } else if format != Self.format {
      throw MetadataStoreError(.format, "\(path) has format \(format), this build reads \(Self.format): run the version that wrote it")
    }
  }

  deinit {
    sqlite3_close_v2(database)
    close(lock)
  }

  private static func takeLock(_ directory: String) throws(MetadataStoreError) -> Int32 {
    guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
      throw MetadataStoreError(.io, "can't make the data directory \(directory): \(String(cString: strerror(errno)))")
    }
    let descriptor = open("\(directory)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw MetadataStoreError(.io, "can't use the data directory \(directory): \(String(cString: strerror(errno)))")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw MetadataStoreError(.locked, "the data directory \(directory) is in use by another coordinator; stop that one, or name another directory")
    }
    return descriptor
  }

  func load() throws(MetadataStoreError) -> MetadataSnapshot {
    var snapshot = MetadataSnapshot(revision: UInt64(try number("SELECT revision FROM counter")))
    let sql = "SELECT key, CASE WHEN key LIKE '\(MetadataKey.bundlePrefix)%' THEN x'' ELSE value END, revision FROM kv"
    try rows(sql) { row in
      snapshot.entries[MetadataKey(row.text(0))] = .init(value: row.bytes(1), revision: UInt64(row.number(2)))
    }
    return snapshot
  }

  func commit(_ transaction: MetadataTransaction) throws(MetadataStoreError) -> UInt64? {
    try execute("BEGIN IMMEDIATE")
    do throws(MetadataStoreError) {
      for condition in transaction.conditions {
        var found: UInt64 = 0
        try rows("SELECT revision FROM kv WHERE key=?1", [.text(condition.key.text)]) { found = UInt64($0.number(0)) }
        guard found == condition.revision else {
          try execute("ROLLBACK")
          return nil
        }
      }
      let revision = UInt64(try number("SELECT revision FROM counter")) + 1
      try rows("UPDATE counter SET revision=?1", [.number(Int64(revision))]) { _ in }
      for put in transaction.puts {
        try rows(
          "INSERT INTO kv VALUES(?1,?2,?3) ON CONFLICT(key) DO UPDATE SET value=?2, revision=?3",
          [.text(put.key.text), .bytes(put.value), .number(Int64(revision))]) { _ in }
      }
      for key in transaction.deletes { try rows("DELETE FROM kv WHERE key=?1", [.text(key.text)]) { _ in } }
      try execute("COMMIT")
      return revision
    } catch {
      try? execute("ROLLBACK")
      throw error
    }
  }

  func value(of key: MetadataKey) throws(MetadataStoreError) -> [UInt8]? {
    var found: [UInt8]?
    try rows("SELECT value FROM kv WHERE key=?1", [.text(key.text)]) { found = $0.bytes(0) }
    return found
  }

  // MARK: SQLite

  private enum Argument {
    case text(String)
    case bytes([UInt8])
    case number(Int64)
  }

  private struct Row {
    let statement: OpaquePointer?
    func text(_ column: Int32) -> String { sqlite3_column_text(statement, column).map { String(cString: $0) } ?? "" }
    func number(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }
    func bytes(_ column: Int32) -> [UInt8] {
      let count = Int(sqlite3_column_bytes(statement, column))
      return sqlite3_column_blob(statement, column).map { Array(UnsafeRawBufferPointer(start: $0, count: count)) } ?? []
    }
  }

  private func execute(_ sql: String) throws(MetadataStoreError) {
    guard sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else { throw failure("write") }
  }

  private func number(_ sql: String) throws(MetadataStoreError) -> Int64 {
    var found: Int64 = 0
    try rows(sql) { found = $0.number(0) }
    return found
  }

  private func rows(_ sql: String, _ arguments: [Argument] = [], _ each: (Row) -> Void) throws(MetadataStoreError) {
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK else { throw failure("read") }
    defer { sqlite3_finalize(statement) }
    // SQLITE_TRANSIENT, a cast that the importer leaves out: SQLite takes a copy.
    let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    for (index, argument) in arguments.enumerated() {
      let place = Int32(index + 1)
      switch argument {
      case .text(let text): sqlite3_bind_text(statement, place, text, -1, copied)
      case .bytes(let bytes): sqlite3_bind_blob64(statement, place, bytes, UInt64(bytes.count), copied)
      case .number(let number): sqlite3_bind_int64(statement, place, number)
      }
    }
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW: each(Row(statement: statement))
      case SQLITE_DONE: return
      default: throw failure("use")
      }
    }
  }

  private func failure(_ what: String) -> MetadataStoreError {
    let text = database.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
    switch sqlite3_errcode(database) & 0xFF {
    case SQLITE_FULL: return MetadataStoreError(.full, "the disk of \(path) is full: free some space, then start the coordinator again")
    case SQLITE_CORRUPT, SQLITE_NOTADB: return MetadataStoreError(.damaged, "\(path) is damaged (\(text)): put its newest backup in its place")
    case SQLITE_BUSY, SQLITE_LOCKED: return MetadataStoreError(.locked, "\(path) is in use by another program (\(text)); stop that one")
    default: return MetadataStoreError(.io, "can't \(what) \(path): \(text)")
    }
  }
}
