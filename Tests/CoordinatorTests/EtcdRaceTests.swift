import Foundation
import Testing
import Wire

@testable import Coordinator

/// Coordinators that depose each other at random, over a network that loses requests and answers and delivers copies late.
@Suite(.serialized) struct EtcdRaceTests {
  private struct Write {
    let key: MetadataKey
    let term: Int64
    /// nil: the writer was deposed and can't know.
    var answer: UInt64??
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max), 7, 8])
  func `R1: no write of a deposed coordinator is ever accepted, and what is answered is true`(seed: UInt64) async throws {
    print("store race: seed \(seed); replay by putting it among the arguments of EtcdRaceTests")
    var random = SplitMix(state: seed)
    let prefix = EtcdProcess.prefix()
    let gateways = try (0..<2).map { _ in LossyGateway(try EtcdProcess.shared.client()) }
    var writes: [Write] = []
    /// Each term with the revision at which it began.
    var terms: [(fence: Int64, revision: UInt64)] = []
    var leader = try #require(try await EtcdProcess.shared.lead(prefix, through: gateways[0]))
    terms.append((leader.term.fence, try await leader.load().revision))
    for round in 0..<40 {
      for _ in 0..<Int.random(in: 0...2, using: &random) {
        writes.append(await Self.write(to: leader, writes.count, losses: &random, through: gateways[round % 2]))
      }
      // A write is on its way while the other takes over; copies of older ones arrive when they like.
      let old = leader
      let number = writes.count
      let losses = Self.losses(&random)
      gateways[round % 2].lose(losses)
      async let last = Self.write(to: old, number)
      for _ in 0..<Int.random(in: 0...3, using: &random) { await Task.yield() }
      let side = gateways[(round + 1) % 2]
      let election = EtcdElection(try EtcdProcess.shared.client(), prefix: prefix, leaseSeconds: 60)
      await election.revoke(old.term.lease)
      leader = try #require(try await EtcdProcess.shared.lead(prefix, name: "c\(round)", through: side))
      if Bool.random(using: &random) { await gateways[round % 2].deliverLate() }
      terms.append((leader.term.fence, try await leader.load().revision))
      if Bool.random(using: &random) { await gateways[round % 2].deliverLate() }
      writes.append(await last)
    }
    for gateway in gateways { await gateway.deliverLate() }

    let final = try await leader.load()
    for write in writes {
      let found = final.entries[write.key]?.revision
      switch write.answer {
      case .some(.some(let revision)): #expect(found == revision, "seed \(seed): \(write.key) was answered")
      case .some(.none): #expect(found == nil, "seed \(seed): \(write.key) was refused")
      case .none: break
      }
      let next = terms.first { $0.fence > write.term }
      if let found, let next { #expect(found <= next.revision, "seed \(seed): \(write.key) was written after its term") }
    }
    #expect(UInt64(final.entries.count) == final.revision, "seed \(seed): each revision has its write")
  }

  private static func losses(_ random: inout SplitMix) -> [LossyGateway.Loss] {
    (0..<Int.random(in: 0...2, using: &random)).map { _ in LossyGateway.Loss.allCases.randomElement(using: &random)! }
  }

  private static func write(
    to store: EtcdStore, _ number: Int, losses random: inout SplitMix, through gateway: LossyGateway
  ) async -> Write {
    gateway.lose(losses(&random))
    return await write(to: store, number)
  }

  private static func write(to store: EtcdStore, _ number: Int) async -> Write {
    let key = MetadataKey("write/\(number)")
    var transaction = MetadataTransaction()
    transaction.replace(key, at: 0, with: [1])
    do {
      return Write(key: key, term: store.term.fence, answer: .some(try await store.commit(transaction)))
    } catch {
      return Write(key: key, term: store.term.fence, answer: .none)
    }
  }
}
