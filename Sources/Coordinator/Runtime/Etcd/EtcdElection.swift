import Foundation
import Wire

/// Leadership of a cluster, as etcd keeps it: a key under a lease, put by a transaction that succeeds where there is none.
/// Each call is one attempt; nothing here waits or repeats.
struct EtcdElection: Sendable {
  /// What the leader key says, for the others and for people.
  struct Candidate: Codable, Equatable, Sendable {
    /// `host:port` of its listener.
    var address: String
    var name: String
  }

  struct Leader: Equatable, Sendable {
    /// nil where another program wrote the key.
    var candidate: Candidate?
    /// See `EtcdTerm`.
    var fence: Int64
    var lease: Int64
  }

  let client: any EtcdGateway
  let keys: EtcdKeys
  let leaseSeconds: Int

  init(_ client: any EtcdGateway, prefix: String, leaseSeconds: Int) {
    self.client = client
    keys = EtcdKeys(prefix: prefix)
    self.leaseSeconds = leaseSeconds
  }

  func leader() async throws(EtcdError) -> Leader? {
    let response: EtcdRangeResponse = try await client.call("/v3/kv/range", EtcdRangeRequest(keys.leader), within: .milliseconds(500))
    return response.all.first.map(Self.leader)
  }

  private static func leader(_ item: EtcdKeyValue) -> Leader {
    Leader(
      candidate: item.value.flatMap { try? JSONDecoder().decode(Candidate.self, from: $0) }, fence: item.create_revision.orZero,
      lease: item.lease.orZero)
  }

  /// Leads where nobody does; nil where somebody else was faster.
  func campaign(as candidate: Candidate) async throws(EtcdError) -> (term: EtcdTerm, leaseSeconds: Int)? {
    let granted: EtcdLease = try await client.call("/v3/lease/grant", EtcdLease(TTL: EtcdNumber(Int64(leaseSeconds))))
    let lease = granted.ID.orZero
    guard lease != 0 else { throw EtcdError.unreadable(endpoint: client.endpoints[0], "a lease without a number") }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
    guard let value = try? encoder.encode(candidate) else { preconditionFailure("a candidate can be written as JSON") }
    let request = EtcdTransaction(
      compare: [.created(keys.leader, at: 0)], success: [.put(EtcdPutRequest(keys.leader, [UInt8](value), lease: lease))], failure: [])
    do throws(EtcdError) {
      let response: EtcdTransactionResponse = try await client.call("/v3/kv/txn", request)
      if response.succeeded == true, let fence = response.header?.revision?.value {
        return (EtcdTerm(fence: fence, lease: lease), Int(granted.TTL.orZero))
      }
      await revoke(lease)
      return nil
    } catch {
      // It may have won, now or later: without its lease the key goes, and a late copy of the request is refused.
      await revoke(lease)
      throw error
    }
  }

  /// Whether the lease is alive; its time begins anew.
  func keepAlive(_ lease: Int64) async throws(EtcdError) -> Bool {
    let response: EtcdStreamed<EtcdLease> = try await client.call(
      "/v3/lease/keepalive", EtcdLease(ID: EtcdNumber(lease)), within: .milliseconds(500))
    return response.result?.TTL.orZero ?? 0 > 0
  }

  /// Ends a leadership at once: one's own in order, or that of a process that is dead. Best effort: else the lease passes.
  func revoke(_ lease: Int64) async {
    _ = try? await client.call("/v3/lease/revoke", EtcdLease(ID: EtcdNumber(lease)), as: EtcdNothing.self, within: .milliseconds(500))
  }
}
