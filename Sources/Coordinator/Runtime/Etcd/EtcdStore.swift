import Logging
import Wire

/// The store that several coordinators share: etcd, written by the one that leads.
///
/// Every write is one etcd transaction on two conditions: the leader key is still the one of this term, and the head is as this
/// store last saw it (R1). The conditions of the coordinator's transaction are checked here, on the pages that the head
/// vouches for. So a deposed coordinator can't write, and a transaction sent twice is carried out once.
actor EtcdStore: MetadataStore {
  nonisolated let keys: EtcdKeys
  nonisolated let client: any EtcdGateway
  nonisolated let term: EtcdTerm
  private let logger: Logger
  /// Distance between two attempts while etcd does not answer.
  private let patience: Duration

  /// What etcd holds, as of `headRevision`; nil before the first load.
  private var contents: Contents?
  private var sequence: UInt64 = 0
  private var lastComplaint = ""

  private struct Contents {
    /// etcd's revision of the head, 0 where there is none.
    var headRevision: Int64
    var revision: UInt64
    var pages: [String: MetadataPage]
  }

  init(_ client: any EtcdGateway, prefix: String, term: EtcdTerm, logger: Logger, patience: Duration = .milliseconds(100)) {
    self.client = client
    keys = EtcdKeys(prefix: prefix)
    self.term = term
    self.logger = logger
    self.patience = patience
  }

  // MARK: Reading

  func load() async throws(MetadataStoreError) -> MetadataSnapshot {
    let response: EtcdTransactionResponse = try await untilAnswered {
      client throws(EtcdError) in
      // One transaction, so that head and pages are of one revision.
      try await client.call(
        "/v3/kv/txn",
        EtcdTransaction(
          compare: [.created(self.keys.leader, at: self.term.fence)],
          success: [.range(EtcdRangeRequest(self.keys.head)), .range(EtcdRangeRequest(prefix: self.keys.pages))], failure: []),
        within: .seconds(5))
    }
    guard response.succeeded == true, let responses = response.responses, responses.count == 2 else { throw deposed() }
    var loaded = Contents(headRevision: 0, revision: 0, pages: [:])
    if let head = response.found(0) {
      loaded.headRevision = head.mod_revision.orZero
      loaded.revision = try Self.read(MetadataHead.self, head).revision
    }
    for item in responses[1].response_range?.all ?? [] {
      loaded.pages[String(item.name.dropFirst(keys.pages.count))] = try Self.page(item)
    }
    contents = loaded
    return Self.snapshot(loaded)
  }

  private static func snapshot(_ contents: Contents) -> MetadataSnapshot {
    var snapshot = MetadataSnapshot(revision: contents.revision)
    for page in contents.pages.values {
      for (key, entry) in page.entries {
        snapshot.entries[key] = key.isBundle ? .init(value: [], revision: entry.revision) : entry
      }
    }
    return snapshot
  }

  func value(of key: MetadataKey) async throws(MetadataStoreError) -> [UInt8]? {
    if contents == nil { _ = try await load() }
    guard let entry = contents?.pages[MetadataPage.name(of: key)]?.entries[key] else { return nil }
    return key.isBundle ? try await readChunks(of: key, entry.value) : entry.value
  }

  // MARK: Writing

  func commit(_ transaction: MetadataTransaction) async throws(MetadataStoreError) -> UInt64? {
    if contents == nil { _ = try await load() }
    guard let before = contents else { throw deposed() }
    for condition in transaction.conditions {
      let found = before.pages[MetadataPage.name(of: condition.key)]?.entries[condition.key]?.revision ?? 0
      if found != condition.revision { return nil }
    }
    for put in transaction.puts where put.key.isBundle { try await writeChunks(of: put.key, put.value) }

    var after = before
    after.revision = max(after.revision + 1, transaction.revisionMin)
    var changed: Set<String> = []
    for put in transaction.puts {
      let name = MetadataPage.name(of: put.key)
      let value = put.key.isBundle ? ChunkManifest(size: put.value.count).encoded : put.value
      after.pages[name, default: MetadataPage()].entries[put.key] = .init(value: value, revision: after.revision)
      changed.insert(name)
    }
    for key in transaction.deletes {
      let name = MetadataPage.name(of: key)
      if after.pages[name]?.entries.removeValue(forKey: key) != nil { changed.insert(name) }
    }
    sequence += 1
    let head = MetadataHead(revision: after.revision, term: UInt64(term.fence), sequence: sequence)
    let (request, size) = self.request(head, before, &after, changed)
    guard request.success.count <= EtcdLimit.operations + 1, size <= EtcdLimit.transactionBytes else {
      throw MetadataStoreError(
        .full,
        "a change of \(transaction.puts.count) records (\(request.success.count) operations, \(size) bytes) is more than etcd takes in "
          + "one transaction: use fewer partitions")
    }
    guard let headRevision = try await send(request, head) else { return nil }
    after.headRevision = headRevision
    contents = after
    for key in transaction.deletes where key.isBundle { await removeChunks(of: key) }
    return after.revision
  }

  private func request(
    _ head: MetadataHead, _ before: Contents, _ after: inout Contents, _ changed: Set<String>
  ) -> (EtcdTransaction, size: Int) {
    var size = 0
    var writes: [EtcdOperation] = []
    for name in changed.sorted() {
      guard let page = after.pages[name], !page.entries.isEmpty else {
        after.pages[name] = nil
        writes.append(.delete(EtcdDeleteRequest(keys.page(name))))
        continue
      }
      let bytes = page.bytes
      size += bytes.count + keys.prefix.utf8.count + name.utf8.count + 64
      writes.append(.put(EtcdPutRequest(keys.page(name), bytes)))
    }
    writes.append(.put(EtcdPutRequest(keys.head, head.encoded)))
    let request = EtcdTransaction(
      compare: [.created(keys.leader, at: term.fence), .modified(keys.head, at: before.headRevision)], success: writes,
      failure: [.range(EtcdRangeRequest(keys.leader)), .range(EtcdRangeRequest(keys.head))])
    return (request, size)
  }

  /// etcd's revision of the commit, nil where somebody else has written the head. The same request is sent until there is a
  /// definite answer: whichever copy of it comes first replaces the head, and so shuts the others out.
  private func send(_ request: EtcdTransaction, _ head: MetadataHead) async throws(MetadataStoreError) -> Int64? {
    let response: EtcdTransactionResponse = try await untilAnswered { client throws(EtcdError) in
      try await client.call("/v3/kv/txn", request)
    }
    if response.succeeded == true {
      guard let revision = response.header?.revision?.value else { throw unreadable("a commit without a revision") }
      return revision
    }
    // A copy whose answer was lost may have committed before this one.
    if let found = response.found(1), let written = try? Self.read(MetadataHead.self, found), written == head {
      return found.mod_revision.orZero
    }
    guard response.found(0)?.create_revision?.value == term.fence else { throw deposed() }
    contents = nil
    return nil
  }

  // MARK: Attempts

  /// Asks until etcd answers, or the term is over.
  func untilAnswered<Answer: Sendable>(
    _ ask: (any EtcdGateway) async throws(EtcdError) -> Answer
  ) async throws(MetadataStoreError) -> Answer {
    while !term.isOver {
      do throws(EtcdError) {
        let answer = try await ask(client)
        lastComplaint = ""
        return answer
      } catch {
        guard error.isRetriable else { throw MetadataStoreError(.io, error.description) }
        complain("\(error)")
      }
      try? await Task.sleep(for: patience)
    }
    throw deposed()
  }

  /// Each new complaint once, not at every attempt.
  private func complain(_ text: String) {
    guard text != lastComplaint else { return }
    lastComplaint = text
    logger.warning("etcd does not answer as it should; trying on", metadata: ["reason": "\(text)"])
  }

  func deposed() -> MetadataStoreError {
    term.end()
    return MetadataStoreError(.deposed, "another coordinator leads, or etcd can't be reached to tell")
  }

  private func unreadable(_ what: String) -> MetadataStoreError {
    MetadataStoreError(.io, "etcd answers what can't be (\(what)): check its version (3.4 or later)")
  }

  private static func page(_ item: EtcdKeyValue) throws(MetadataStoreError) -> MetadataPage {
    do throws(WireError) {
      return try MetadataPage(reading: item.bytes.span.bytes)
    } catch {
      throw damaged(item, error)
    }
  }

  static func read<Value: WireValue>(_: Value.Type, _ item: EtcdKeyValue) throws(MetadataStoreError) -> Value {
    do throws(WireError) {
      return try Value(reading: item.bytes.span.bytes)
    } catch {
      throw damaged(item, error)
    }
  }

  private static func damaged(_ item: EtcdKeyValue, _ error: WireError) -> MetadataStoreError {
    MetadataStoreError(.damaged, "the key \(item.name) in etcd can't be read (\(error)): restore etcd from its newest backup")
  }
}
