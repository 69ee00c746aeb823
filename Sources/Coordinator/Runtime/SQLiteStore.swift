import CSQLite
import Glibc

/// The embedded metadata store: one SQLite database, write-ahead logged and synced at each commit.
///
/// ```
/// kv(key, value, revision)    store(revision), one row
/// ```
/// One process at a time has it (`DirectoryLock`), one thread at a time calls it (`EmbeddedStore`). A commit blocks on the
/// disk.
final class SQLiteStore: @unchecked Sendable {
  /// Raised with each change of the tables or of a value's encoding.
  static let formatVersion: Int32 = 1
  /// "ASSY" as the database's application id.
  static let applicationID: Int32 = 0x4153_5359
  static let fileName = "metadata.sqlite"

  private let path: String
  private var database: SQLiteDatabase?

  /// Opens the store in `directory`, which exists and is locked; makes an empty one where there is none.
  init(directory: String) throws(MetadataStoreError) {
    path = "\(directory)/\(Self.fileName)"
    let database = try SQLiteDatabase(path: path)
    self.database = database
    try Self.recognise(database, path)
    try database.run("PRAGMA journal_mode = WAL")
    try database.run("PRAGMA synchronous = FULL")
    try database.run("PRAGMA locking_mode = EXCLUSIVE")
    try Self.check(database, path)
    try database.run("BEGIN IMMEDIATE")
    try database.run("CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL)")
    try database.run("CREATE TABLE IF NOT EXISTS store (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL)")
    try database.run("INSERT OR IGNORE INTO store VALUES (1, 0)")
    try database.run("PRAGMA application_id = \(Self.applicationID)")
    try database.run("PRAGMA user_version = \(Self.formatVersion)")
    try database.run("COMMIT")
  }

  /// As `MetadataStore.load`, and so are the others.
  func load() throws(MetadataStoreError) -> MetadataSnapshot {
    let database = try open()
    var snapshot = MetadataSnapshot(revision: try revision(database))
    let rows = try database.prepare(
      "SELECT key, revision, CASE WHEN key GLOB '\(MetadataKey.bundlePrefix)*' THEN x'' ELSE value END FROM kv")
    while try rows.step() {
      snapshot.entries[MetadataKey(rows.text(0))] = .init(value: rows.blob(2), revision: UInt64(rows.integer(1)))
    }
    return snapshot
  }

  func value(of key: MetadataKey) throws(MetadataStoreError) -> [UInt8]? {
    let rows = try open().prepare("SELECT value FROM kv WHERE key = ?")
    rows.bind(1, key.text)
    return try rows.step() ? rows.blob(0) : nil
  }

  func commit(_ transaction: MetadataTransaction) throws(MetadataStoreError) -> UInt64? {
    let database = try open()
    try database.run("BEGIN IMMEDIATE")
    do throws(MetadataStoreError) {
      guard try admits(transaction, database) else {
        try database.run("ROLLBACK")
        return nil
      }
      let next = max(try revision(database) + 1, transaction.revisionMin)
      let put = try database.prepare(
        "INSERT INTO kv VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision")
      for item in transaction.puts {
        put.bind(1, item.key.text)
        put.bind(2, item.value)
        put.bind(3, Int64(next))
        _ = try put.step()
        put.reset()
      }
      let delete = try database.prepare("DELETE FROM kv WHERE key = ?")
      for key in transaction.deletes {
        delete.bind(1, key.text)
        _ = try delete.step()
        delete.reset()
      }
      try database.run("UPDATE store SET revision = \(next)")
      try database.run("COMMIT")
      return next
    } catch {
      // Whether the change is durable is known only to the next start: nothing more is written on top of it.
      close()
      throw error
    }
  }

  /// Idempotent.
  func close() { database = nil }

  private func open() throws(MetadataStoreError) -> SQLiteDatabase {
    guard let database else {
      throw MetadataStoreError(.io, "the metadata store \(path) is closed after an error: start the coordinator again")
    }
    return database
  }

  private func revision(_ database: SQLiteDatabase) throws(MetadataStoreError) -> UInt64 {
    let rows = try database.prepare("SELECT revision FROM store")
    guard try rows.step() else {
      throw MetadataStoreError(.damaged, "the metadata store \(path) has lost its revision: restore it from its newest backup")
    }
    return UInt64(rows.integer(0))
  }

  private func admits(_ transaction: MetadataTransaction, _ database: SQLiteDatabase) throws(MetadataStoreError) -> Bool {
    let rows = try database.prepare("SELECT revision FROM kv WHERE key = ?")
    for condition in transaction.conditions {
      rows.bind(1, condition.key.text)
      let found = try rows.step() ? UInt64(rows.integer(0)) : 0
      rows.reset()
      if found != condition.revision { return false }
    }
    return true
  }

  private static func recognise(_ database: SQLiteDatabase, _ path: String) throws(MetadataStoreError) {
    func number(_ pragma: String) throws(MetadataStoreError) -> Int64 {
      let rows = try database.prepare("PRAGMA \(pragma)")
      return try rows.step() ? rows.integer(0) : 0
    }
    let application = try number("application_id")
    let version = try number("user_version")
    if application == 0, version == 0 { return }  // new
    guard application == Int64(applicationID) else {
      throw MetadataStoreError(.format, "\(path) is a database of another program: give the coordinator a directory of its own")
    }
    guard version == Int64(formatVersion) else {
      throw MetadataStoreError(
        .format, "\(path) has format \(version), this program reads \(formatVersion): run the version that wrote it")
    }
  }

  private static func check(_ database: SQLiteDatabase, _ path: String) throws(MetadataStoreError) {
    let rows = try database.prepare("PRAGMA quick_check(1)")
    guard try rows.step(), rows.text(0) == "ok" else {
      throw MetadataStoreError(.damaged, "the metadata store \(path) is damaged: restore it from its newest backup")
    }
  }
}
