import Foundation

// What is used of etcd's v3 JSON gateway (etcd 3.4, api_reference_v3). The gateway leaves out fields that are zero, and
// writes 64-bit integers as texts; keys and values are base64, which Codable's `Data` is.

/// A 64-bit integer of the gateway.
struct EtcdNumber: Codable, Equatable, Sendable {
  var value: Int64

  init(_ value: Int64) { self.value = value }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let text = try? container.decode(String.self) {
      guard let value = Int64(text) else {
        throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is no 64-bit integer")
      }
      self.value = value
    } else {
      value = try container.decode(Int64.self)
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(String(value))
  }
}

extension EtcdNumber? {
  var orZero: Int64 { self?.value ?? 0 }
}

struct EtcdKeyValue: Codable, Equatable, Sendable {
  var key: Data
  var value: Data?
  var create_revision: EtcdNumber?
  var mod_revision: EtcdNumber?
  var lease: EtcdNumber?

  var name: String { String(decoding: key, as: UTF8.self) }
  var bytes: [UInt8] { value.map { [UInt8]($0) } ?? [] }
}

struct EtcdHeader: Codable, Equatable, Sendable {
  var revision: EtcdNumber?
}

struct EtcdRangeRequest: Codable, Equatable, Sendable {
  var key: Data
  var range_end: Data?
  /// 0: the newest.
  var revision: EtcdNumber?
  var limit: EtcdNumber?
  var keys_only: Bool?

  init(_ key: String) { self.key = Data(key.utf8) }

  /// All keys that begin with `prefix`.
  init(prefix: String) {
    key = Data(prefix.utf8)
    range_end = Self.end(of: prefix)
  }

  /// The first key beyond all that begin with `prefix`, which ends in an ASCII character.
  static func end(of prefix: String) -> Data {
    var end = Data(prefix.utf8)
    end[end.count - 1] += 1
    return end
  }
}

struct EtcdRangeResponse: Codable, Equatable, Sendable {
  var header: EtcdHeader?
  var kvs: [EtcdKeyValue]?
  var more: Bool?

  var all: [EtcdKeyValue] { kvs ?? [] }
}

struct EtcdPutRequest: Codable, Equatable, Sendable {
  var key: Data
  var value: Data
  var lease: EtcdNumber?

  init(_ key: String, _ value: [UInt8], lease: Int64? = nil) {
    self.key = Data(key.utf8)
    self.value = Data(value)
    self.lease = lease.map(EtcdNumber.init)
  }
}

struct EtcdDeleteRequest: Codable, Equatable, Sendable {
  var key: Data
  var range_end: Data?

  init(_ key: String) { self.key = Data(key.utf8) }

  init(prefix: String) {
    key = Data(prefix.utf8)
    range_end = EtcdRangeRequest.end(of: prefix)
  }
}

/// A condition of a transaction: the revision is equal.
struct EtcdCompare: Codable, Equatable, Sendable {
  var key: Data
  var target: String
  var result = "EQUAL"
  var create_revision: EtcdNumber?
  var mod_revision: EtcdNumber?

  /// 0: the key does not exist.
  static func created(_ key: String, at revision: Int64) -> Self {
    Self(key: Data(key.utf8), target: "CREATE", create_revision: EtcdNumber(revision))
  }

  static func modified(_ key: String, at revision: Int64) -> Self {
    Self(key: Data(key.utf8), target: "MOD", mod_revision: EtcdNumber(revision))
  }
}

struct EtcdOperation: Codable, Equatable, Sendable {
  var request_put: EtcdPutRequest?
  var request_range: EtcdRangeRequest?
  var request_delete_range: EtcdDeleteRequest?

  static func put(_ request: EtcdPutRequest) -> Self { Self(request_put: request) }
  static func range(_ request: EtcdRangeRequest) -> Self { Self(request_range: request) }
  static func delete(_ request: EtcdDeleteRequest) -> Self { Self(request_delete_range: request) }
}

struct EtcdTransaction: Codable, Equatable, Sendable {
  var compare: [EtcdCompare]
  var success: [EtcdOperation]
  var failure: [EtcdOperation]
}

struct EtcdTransactionResponse: Codable, Equatable, Sendable {
  struct Item: Codable, Equatable, Sendable { var response_range: EtcdRangeResponse? }

  var header: EtcdHeader?
  var succeeded: Bool?
  var responses: [Item]?

  /// The first key that the branch's range of that place found.
  func found(_ index: Int) -> EtcdKeyValue? {
    guard let responses, responses.indices.contains(index) else { return nil }
    return responses[index].response_range?.kvs?.first
  }
}

/// A lease's grant, keep-alive and revocation ask with these; a time to live is in seconds.
struct EtcdLease: Codable, Equatable, Sendable {
  var ID: EtcdNumber?
  var TTL: EtcdNumber?
}

/// The gateway's envelope around the answers of a stream.
struct EtcdStreamed<Answer: Codable & Sendable>: Codable, Sendable { var result: Answer? }

/// Answers without anything to read.
struct EtcdNothing: Codable, Sendable {}

struct EtcdRefusal: Codable, Equatable, Sendable {
  var error: String?
  var message: String?
  var code: Int?
}
