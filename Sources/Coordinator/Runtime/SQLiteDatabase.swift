import CSQLite

/// A connection to one SQLite database; the only code that touches the C interface.
final class SQLiteDatabase {
  private let handle: OpaquePointer
  fileprivate let path: String

  init(path: String) throws(MetadataStoreError) {
    self.path = path
    var opened: OpaquePointer?
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX
    let result = sqlite3_open_v2(path, &opened, flags, nil)
    guard result == SQLITE_OK, let opened else {
      let error = Self.error(result, opened, path)
      sqlite3_close_v2(opened)
      throw error
    }
    handle = opened
  }

  deinit { sqlite3_close_v2(handle) }

  /// Runs one statement and ignores its rows.
  func run(_ sql: String) throws(MetadataStoreError) {
    let result = sqlite3_exec(handle, sql, nil, nil, nil)
    guard result == SQLITE_OK else { throw Self.error(result, handle, path) }
  }

  func prepare(_ sql: String) throws(MetadataStoreError) -> SQLiteStatement {
    var statement: OpaquePointer?
    let result = sqlite3_prepare_v2(handle, sql, -1, &statement, nil)
    guard result == SQLITE_OK, let statement else { throw Self.error(result, handle, path) }
    return SQLiteStatement(statement, self)
  }

  fileprivate func error(_ result: Int32) -> MetadataStoreError { Self.error(result, handle, path) }

  private static func error(_ result: Int32, _ handle: OpaquePointer?, _ path: String) -> MetadataStoreError {
    let detail = handle.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(result))
    switch result & 0xFF {
    case SQLITE_CORRUPT, SQLITE_NOTADB:
      return MetadataStoreError(.damaged, "the metadata store \(path) is damaged (\(detail)): restore it from its newest backup")
    case SQLITE_BUSY, SQLITE_LOCKED:
      return MetadataStoreError(.locked, "the metadata store \(path) is in use by another program: stop that one first")
    case SQLITE_FULL:
      return MetadataStoreError(.full, "the disk of the metadata store \(path) is full: make room, then start the coordinator again")
    default:
      return MetadataStoreError(.io, "the metadata store \(path) can't be used (\(detail)): check the disk and the permissions")
    }
  }
}

/// One prepared statement. Columns count from 0, parameters from 1.
final class SQLiteStatement {
  private let handle: OpaquePointer
  private let database: SQLiteDatabase
  /// SQLite copies what is bound.
  private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

  fileprivate init(_ handle: OpaquePointer, _ database: SQLiteDatabase) {
    self.handle = handle
    self.database = database
  }

  deinit { sqlite3_finalize(handle) }

  func bind(_ index: Int32, _ text: String) {
    let result = sqlite3_bind_text(handle, index, text, Int32(text.utf8.count), Self.transient)
    precondition(result == SQLITE_OK, "a parameter can't be bound: \(result)")
  }

  func bind(_ index: Int32, _ bytes: [UInt8]) {
    let result = bytes.withUnsafeBytes { raw in
      raw.baseAddress.map { sqlite3_bind_blob64(handle, index, $0, UInt64(raw.count), Self.transient) }
        ?? sqlite3_bind_zeroblob(handle, index, 0)
    }
    precondition(result == SQLITE_OK, "a parameter can't be bound: \(result)")
  }

  func bind(_ index: Int32, _ number: Int64) {
    let result = sqlite3_bind_int64(handle, index, number)
    precondition(result == SQLITE_OK, "a parameter can't be bound: \(result)")
  }

  /// Whether there is a row.
  func step() throws(MetadataStoreError) -> Bool {
    switch sqlite3_step(handle) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    case let result: throw database.error(result)
    }
  }

  func reset() {
    sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
  }

  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  func text(_ column: Int32) -> String { String(decoding: blob(column), as: UTF8.self) }

  func blob(_ column: Int32) -> [UInt8] {
    guard let start = sqlite3_column_blob(handle, column) else { return [] }
    return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
  }
}
